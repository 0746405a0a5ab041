// The texts of the page in all its languages, which it holds itself.

export async function allTexts() {
  return JSON.parse(document.getElementById('texts').textContent);
}

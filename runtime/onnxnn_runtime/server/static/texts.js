// The texts of the page in all its languages.

export async function allTexts() {
  return (await fetch('/static/texts.json')).json();
}

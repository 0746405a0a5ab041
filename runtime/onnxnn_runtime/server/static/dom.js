// Elements of the page, and texts in the language that is chosen. All text is inserted as text, never as HTML.

import { allTexts } from './texts.js';

let texts = {};
let language = 'en';

export async function loadTexts() {
  texts = await allTexts();
  const known = (navigator.languages || [navigator.language]).find((each) => /^(zh|en)\b/i.test(each));
  setLanguage(sessionStorage.getItem('language') || known || 'en');
}

export function setLanguage(wanted) {
  language = /^zh/i.test(wanted) ? 'zh' : 'en';
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const each of document.querySelectorAll('[data-text]')) {
    each.textContent = text(each.getAttribute('data-text'));
  }
}

export function currentLanguage() {
  return language;
}

// text('seed_was', {seed: 3}) puts 3 in place of {seed}.
export function text(key, values) {
  const found = (texts[key] || {})[language] || key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
}

// element('p', {class: 'soft'}, 'a text', another) makes an element; functions become listeners.
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const name of Object.keys(attributes || {})) {
    const value = attributes[name];
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function fill(place, ...children) {
  while (place.firstChild) place.removeChild(place.firstChild);
  place.append(...children.filter((child) => child !== null && child !== undefined));
}

export function byId(id) {
  return document.getElementById(id);
}

let count = 0;

// A label and what it names: an input, a select or a textarea.
export function field(caption, control) {
  count += 1;
  control.id = 'field-' + count;
  return element('div', {}, element('label', { for: control.id }, caption), control);
}

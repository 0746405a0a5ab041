// Requests to the server that this page is from, and its errors in words.

import { currentLanguage, text } from './dom.js';

const TOKEN = 'onnxnn-token';

export class Problem extends Error {
  constructor(message, detail, status) {
    super(message);
    this.detail = detail || '';
    this.status = status || 0;
  }
}

export function setToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

// The token, and the language of the page, which may be another one than that of the browser.
function headers() {
  const sent = { 'Accept-Language': currentLanguage() === 'zh' ? 'zh-CN' : 'en' };
  const token = sessionStorage.getItem(TOKEN);
  if (token !== null) sent.Authorization = 'Bearer ' + token;
  return sent;
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw new Problem(text('error_network'));
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response) {
  let detail = '';
  try {
    detail = (await response.json()).error.message;
  } catch (error) {
    detail = response.statusText; // a proxy answered, not the server
  }
  const known = [400, 401, 403, 404, 409, 413, 415, 503, 504, 507];
  const key = known.includes(response.status) ? 'error_' + response.status : 'error_500';
  return new Problem(text(key), detail, response.status);
}

export async function get(path) {
  return (await request(path, { headers: headers() })).json();
}

export async function getImage(path) {
  return (await request(path, { headers: headers() })).blob();
}

// Sends {model, ...options} as JSON.
export async function post(path, body) {
  const options = { method: 'POST', body: JSON.stringify(body), headers: headers() };
  options.headers['Content-Type'] = 'application/json';
  return (await request(path, options)).json();
}

// Sends files with options beside them; options that are null or '' are left out.
export async function postFiles(path, files, values) {
  const form = new FormData();
  for (const file of files) form.append('image', file, 'image');
  for (const name of Object.keys(values)) {
    if (values[name] !== null && values[name] !== '') form.append(name, String(values[name]));
  }
  return (await request(path, { method: 'POST', body: form, headers: headers() })).json();
}

// The OpenAPI document as a page.

import { byId, currentLanguage, element, fill, loadTexts, setLanguage, text } from './dom.js';

let openapi = null;

// The description, or summary, of a part of the document in the language that is chosen.
function said(part) {
  return (currentLanguage() === 'zh' && part['x-zh']) || part.description || part.summary || '';
}

function resolved(part) {
  if (!part || !part.$ref) return part || {};
  return part.$ref.slice(2).split('/').reduce((found, key) => found[key], openapi);
}

function typeOf(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    if (name[0] !== name[0].toLowerCase()) return name;
    return typeOf(resolved(schema)); // an option, which several calls have
  }
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ');
  if (schema.format === 'binary') return 'file';
  const types = [].concat(schema.type || 'any').map((type) =>
    type === 'array' && schema.items ? listOf(typeOf(schema.items)) : type,
  );
  const range = [];
  if (schema.minimum !== undefined) range.push(`≥ ${schema.minimum}`);
  if (schema.exclusiveMinimum !== undefined) range.push(`> ${schema.exclusiveMinimum}`);
  if (schema.maximum !== undefined) range.push(`≤ ${schema.maximum}`);
  return types.join(' | ') + (range.length ? ` ${range.join(', ')}` : '');
}

function listOf(type) {
  return type.includes(' ') ? `(${type})[]` : `${type}[]`;
}

function table(rows) {
  const head = ['name', 'type', 'meaning'].map((key) => element('th', { scope: 'col' }, text(key)));
  const body = rows.map((row) =>
    element('tr', {}, element('td', {}, element('code', {}, row[0])), element('td', {}, row[1]), element('td', {}, row[2])),
  );
  return element('table', {}, element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...body));
}

// The rows of an object's properties; those of objects inside it by a path such as error.message.
function rowsOf(schema, isAsked, before, depth) {
  const whole = resolved(schema);
  const rows = [];
  const required = whole.required || [];
  for (const name of Object.keys(whole.properties || {})) {
    const part = whole.properties[name];
    const inner = resolved(part);
    const meaning = said(part) || said(inner);
    const must = required.includes(name) && isAsked && depth === 0 ? text('docs_required') : '';
    rows.push([before + name, typeOf(part), [meaning, must].filter(Boolean).join(' · ')]);
    if (depth < 3) {
      if (inner.properties) rows.push(...rowsOf(inner, isAsked, before + name + '.', depth + 1));
      const items = resolved(inner.items);
      if (items.properties) rows.push(...rowsOf(items, isAsked, before + name + '[].', depth + 1));
      for (const each of inner.anyOf || []) rows.push(...rowsOf(each, isAsked, before + name + '.', depth + 1));
    }
  }
  return rows;
}

function contentOf(content, key, status) {
  const shown = [];
  const plain = [];
  for (const type of Object.keys(content || {})) {
    const rows = rowsOf(content[type].schema, key === 'docs_body', '', 0);
    if (rows.length) shown.push(element('h3', {}, text(key, { type: type, status: status })), table(rows));
    else plain.push(type);
  }
  if (plain.length) shown.push(element('h3', {}, text(key, { type: plain.join(', '), status: status })));
  return shown;
}

function answers(responses) {
  const shown = [];
  const errors = [];
  for (const status of Object.keys(responses)) {
    const response = resolved(responses[status]);
    if (status < 400) {
      const [heading, ...others] = contentOf(response.content, 'docs_answer', status);
      shown.push(heading, element('p', { class: 'soft' }, said(response)), ...others);
    } else errors.push(element('tr', {}, element('td', {}, element('code', {}, status)), element('td', {}, said(response))));
  }
  if (errors.length) {
    shown.push(element('h3', {}, text('docs_errors')), element('table', { class: 'errors' }, element('tbody', {}, ...errors)));
  }
  return shown;
}

function operation(path, method, part) {
  const parts = [
    element('summary', {}, element('span', { class: 'method' }, method.toUpperCase()), element('code', {}, path), element('span', {}, said(part))),
  ];
  if (part['x-curl']) parts.push(element('h3', {}, text('docs_example')), element('pre', {}, part['x-curl'].replace('http://127.0.0.1:8000', location.origin)));
  const options = (part.parameters || []).map((each) => [each.name, typeOf(each.schema), said(each) || said(resolved(each.schema))]);
  if (options.length) parts.push(element('h3', {}, text('docs_options')), table(options));
  if (part.requestBody) parts.push(...contentOf(part.requestBody.content, 'docs_body'));
  parts.push(...answers(part.responses));
  return element('details', { class: 'card' }, ...parts);
}

function show() {
  byId('language').textContent = text('other_language');
  byId('language').lang = currentLanguage() === 'zh' ? 'en' : 'zh-CN';
  const shown = [];
  for (const tag of openapi.tags) {
    const calls = [];
    for (const path of Object.keys(openapi.paths)) {
      for (const method of Object.keys(openapi.paths[path])) {
        const part = openapi.paths[path][method];
        if (part.tags.includes(tag.name)) calls.push(operation(path, method, part));
      }
    }
    if (calls.length) shown.push(element('h2', {}, said(tag)), ...calls);
  }
  fill(byId('calls'), ...shown);
}

async function main() {
  await loadTexts();
  openapi = await (await fetch('/openapi.json')).json();
  show();
  byId('language').addEventListener('click', () => {
    const other = currentLanguage() === 'zh' ? 'en' : 'zh';
    sessionStorage.setItem('language', other);
    setLanguage(other);
    show();
  });
}

main();

// SPDX-License-Identifier: MIT OR Apache-2.0
// A form made from a JSON Schema, for the configuration of an instance: texts, numbers, choices, switches, lists of
// simple values and groups of these. Whatever else a schema describes is edited as JSON, so that nothing a plugin
// takes is out of reach. It must never drop a member it does not know, nor show one that is writeOnly.

import { el, newId } from './dom.js';
import { check, field } from './parts.js';

const DEPTH_MAX = 6;
const ROWS_MAX = 14;

/**
 * The form: `{node, read(), fail(path, sentence)}`. `read()` answers the configuration, or null with each flaw at its
 * field; `fail('auto', …)` puts a sentence at a field and answers whether there is one. `kept` are members that are
 * set and not told; `defaults` are what holds where nothing is set.
 */
export function schemaForm(schema, { value = {}, kept = [], defaults = {} } = {}) {
  const root = schema ?? {};
  const form = root.properties
    ? group(root, { root, value, defaults, kept: new Set(kept), path: [], depth: 0 })
    : rest({ path: [], value, title: 'Configuration', hint: 'Its plugin describes no fields: a JSON object.' });
  return {
    node: el('div', { class: 'schema-form' }, form.nodes),
    read: () => {
      const flaws = [];
      const out = form.read(flaws);
      flaws[0]?.focus();
      return flaws.length > 0 ? null : out ?? {};
    },
    fail: (path, sentence) => fail(form.fields, path, sentence),
  };
}

// The deepest field on the way to a path: what is wrong inside a list is said at the list.
function fail(fields, path, sentence) {
  const steps = path.split(/[./[\]]+/).filter(Boolean);
  for (let length = steps.length; length > 0; length -= 1) {
    const found = fields.find((entry) => entry.path.join('.') === steps.slice(0, length).join('.'));
    if (found === undefined) continue;
    found.fail(sentence);
    found.control.focus();
    return true;
  }
  return false;
}

/** Members of an object, each with a field of its own, and one for those the schema does not name. */
function group(schema, at) {
  const members = Object.entries(schema.properties ?? {}).map(([name, raw]) => {
    const part = resolved(raw, at.root);
    const path = [...at.path, name];
    return {
      name,
      ...member(part, {
        ...at,
        path, depth: at.depth + 1, name,
        required: (schema.required ?? []).includes(name),
        value: at.value?.[name],
        defaults: at.defaults?.[name] ?? part.default,
        kept: at.kept,
      }),
    };
  });
  const known = new Set(members.map(({ name }) => name));
  const others = Object.fromEntries(Object.entries(at.value ?? {}).filter(([name]) => !known.has(name)));
  const unknown = Object.keys(others).length > 0 ? rest({ path: at.path, value: others, title: 'Other settings', hint: 'Not described by its plugin. A JSON object.' }) : null;
  return {
    nodes: [members.map(({ node }) => node), unknown?.nodes],
    fields: [...members.flatMap(({ fields }) => fields), ...(unknown?.fields ?? [])],
    read: (flaws) => {
      const out = {};
      for (const { name, read } of members) {
        const now = read(flaws);
        if (now !== undefined) out[name] = now;
      }
      return { ...unknown?.read(flaws), ...out };
    },
  };
}

function member(part, at) {
  const type = typeOf(part);
  if (type === 'object' && part.properties && at.depth < DEPTH_MAX) return nested(part, at);
  if (part.writeOnly && (type === 'string' || type === 'integer' || type === 'number')) return secret(part, at, type);
  if (Array.isArray(part.enum) && part.enum.every(isSimple)) return choice(part, at);
  if (type === 'boolean') return truth(part, at);
  if (type === 'string' || type === 'integer' || type === 'number') return text(part, at, type);
  if (type === 'array' && isSimpleList(part, at.root)) return list(part, at);
  return json(part, at);
}

function nested(part, at) {
  const inner = group(part, { ...at, value: at.value ?? {}, defaults: at.defaults ?? {} });
  const node = el('fieldset', { class: 'schema-group' }, el('legend', {}, titleOf(part, at)), part.description ? el('p', { class: 'field-hint' }, part.description) : null, inner.nodes);
  return {
    node,
    fields: inner.fields,
    read: (flaws) => {
      const now = inner.read(flaws);
      return Object.keys(now).length > 0 || at.value !== undefined || at.required ? now : undefined;
    },
  };
}

function choice(part, at) {
  const words = part.enum.map(wordOf);
  const unset = at.defaults === undefined ? 'Not set' : `Not set: ${wordOf(at.defaults)}`;
  const control = el('select', {}, at.required ? null : el('option', { value: '' }, unset), words.map((word, place) => el('option', { value: String(place) }, word)));
  control.value = at.value === undefined ? '' : String(part.enum.findIndex((entry) => entry === at.value));
  return one(part, at, control, () => (control.value === '' || control.value === '-1' ? undefined : part.enum[Number(control.value)]));
}

// Off is not the same as not set, where the plugin's own default is on.
function truth(part, at) {
  const before = at.value ?? at.defaults ?? false;
  const { node, control } = check({ label: titleOf(part, at), hint: part.description, checked: Boolean(before) });
  const error = el('p', { class: 'field-error', id: newId('flaw'), hidden: true });
  const read = () => (at.value === undefined && control.checked === Boolean(before) ? undefined : control.checked);
  const say = (sentence) => {
    error.textContent = sentence;
    error.hidden = !sentence;
    if (sentence) control.setAttribute('aria-invalid', 'true');
    else control.removeAttribute('aria-invalid');
  };
  return { node: el('div', {}, node, error), fields: [{ path: at.path, control, fail: say }], read: () => { say(''); return read(); } };
}

function text(part, at, type) {
  const control = el('input', {
    type: 'text', autocomplete: 'off', spellcheck: 'false', maxlength: part.maxLength, inputmode: type === 'string' ? null : 'decimal',
    placeholder: at.defaults === undefined ? part.examples?.[0] : String(at.defaults),
  });
  if (at.value !== undefined) control.value = String(at.value);
  return one(part, at, control, (say) => {
    if (control.value === '' && at.value !== '') return undefined;
    return type === 'string' ? checkedText(part, control.value, say) : checkedNumber(part, control.value, type, say);
  });
}

function secret(part, at, type) {
  const isKept = at.kept.has(at.path.join('.'));
  const control = el('input', { type: 'password', autocomplete: 'new-password', maxlength: part.maxLength, placeholder: isKept ? 'Set, and kept as it is' : null });
  const remove = isKept && !at.required ? check({ label: `Remove: ${titleOf(part, at)}` }) : null;
  const made = one({ ...part, examples: undefined }, { ...at, required: at.required && !isKept }, control, (say) => {
    if (remove?.control.checked) return null;
    if (control.value === '') return undefined;
    return type === 'string' ? checkedText(part, control.value, say) : checkedNumber(part, control.value, type, say);
  });
  if (remove) made.node.append(remove.node);
  return made;
}

function list(part, at) {
  const items = resolved(part.items, at.root);
  const type = typeOf(items) ?? 'string';
  const values = at.value ?? [];
  const control = el('textarea', { spellcheck: 'false', rows: String(Math.min(ROWS_MAX, values.length + 2)) });
  control.value = values.map(String).join('\n');
  return one({ ...part, description: [part.description, 'One on each line.'].filter(Boolean).join(' ') }, at, control, (say) => {
    const lines = control.value.split('\n').map((line) => line.trim()).filter(Boolean);
    if (lines.length === 0 && at.value === undefined) return undefined;
    if (lines.length > (part.maxItems ?? Infinity)) return say(`At most ${part.maxItems}`);
    const out = [];
    for (const [place, line] of lines.entries()) {
      const sayLine = (sentence) => say(`Line ${place + 1}: ${sentence}`);
      const now = items.enum ? items.enum.find((entry) => wordOf(entry) === line) ?? sayLine(`one of ${items.enum.map(wordOf).join(', ')}`)
        : type === 'string' ? checkedText(items, line, sayLine)
          : type === 'boolean' ? { true: true, false: false }[line] ?? sayLine('true or false') : checkedNumber(items, line, type, sayLine);
      if (now === undefined) return undefined;
      out.push(now);
    }
    return out;
  });
}

function json(part, at) {
  const value = at.value === undefined ? '' : JSON.stringify(at.value, null, 2);
  const control = el('textarea', { class: 'is-code', spellcheck: 'false', rows: String(Math.min(ROWS_MAX, value.split('\n').length + 1)) });
  control.value = value;
  if (at.defaults !== undefined) control.placeholder = JSON.stringify(at.defaults);
  return one({ ...part, description: [part.description, 'As JSON.'].filter(Boolean).join(' ') }, at, control, (say) => {
    if (control.value.trim() === '') return undefined;
    try {
      return JSON.parse(control.value);
    } catch (error) {
      return say(`This is no JSON: ${error.message}`);
    }
  });
}

/** What the schema does not name, or all of it where there is none. */
function rest({ path, value, title, hint }) {
  const made = json({ title, description: hint, type: 'object' }, { path, name: title, value: Object.keys(value ?? {}).length > 0 ? value : undefined, kept: new Set() });
  return {
    nodes: [made.node],
    fields: made.fields,
    read: (flaws) => {
      const now = made.read(flaws) ?? {};
      if (typeof now === 'object' && now !== null && !Array.isArray(now)) return now;
      made.fields[0].fail('This has to be a JSON object, as {"name": "value"}');
      flaws.push(made.fields[0].control);
      return {};
    },
  };
}

/** One field: `take(say)` answers its value; `say(sentence)` names what is wrong with it. */
function one(part, at, control, take) {
  const example = part.examples?.[0];
  const hint = [part.description, example === undefined || control.tagName === 'TEXTAREA' ? '' : `As ${wordOf(example)}.`].filter(Boolean).join(' ');
  const made = field({ label: titleOf(part, at), hint, control });
  if (at.required) control.setAttribute('aria-required', 'true');
  return {
    node: made.node,
    fields: [{ path: at.path, control, fail: made.fail }],
    read: (flaws) => {
      let flaw = '';
      const now = take((sentence) => { flaw = sentence; });
      if (!flaw && now === undefined && at.required) flaw = 'This is needed';
      made.fail(flaw);
      if (!flaw) return now;
      flaws.push(control);
      return undefined;
    },
  };
}

function checkedText(part, value, say) {
  if (value.length < (part.minLength ?? 0)) return say(`At least ${part.minLength} characters`);
  if (part.pattern && !matches(part.pattern, value)) return say(part.examples?.[0] ? `Not of this form. An example: ${part.examples[0]}` : 'Not of the form its plugin asks for');
  return value;
}

// A pattern that this browser cannot read is left to the host.
function matches(pattern, value) {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true;
  }
}

function checkedNumber(part, value, type, say) {
  const number = Number(value.trim());
  if (value.trim() === '' || !Number.isFinite(number)) return say('Write a number');
  if (type === 'integer' && !Number.isSafeInteger(number)) return say('Write a whole number');
  if (number < part.minimum) return say(`At least ${part.minimum}`);
  if (number > part.maximum) return say(`At most ${part.maximum}`);
  return number;
}

/** A schema without its references; `T or null` is T that may be absent. */
function resolved(part, root, depth = 0) {
  if (depth > DEPTH_MAX || typeof part !== 'object' || part === null) return {};
  if (typeof part.$ref === 'string') {
    const target = part.$ref.startsWith('#/') ? part.$ref.slice(2).split('/').reduce((at, step) => at?.[step.replaceAll('~1', '/').replaceAll('~0', '~')], root) : undefined;
    return { ...resolved(target, root, depth + 1), ...Object.fromEntries(Object.entries(part).filter(([name]) => name !== '$ref')) };
  }
  const ways = (part.anyOf ?? part.oneOf)?.filter((way) => way.type !== 'null');
  if (ways?.length === 1) return { ...resolved(ways[0], root, depth + 1), ...Object.fromEntries(Object.entries(part).filter(([name]) => name !== 'anyOf' && name !== 'oneOf')) };
  return part;
}

// One of several types is edited as JSON.
function typeOf(part) {
  const types = [part.type].flat().filter((type) => type !== 'null');
  return types.length === 1 ? types[0] : undefined;
}

const isSimple = (value) => ['string', 'number', 'boolean'].includes(typeof value);

function isSimpleList(part, root) {
  const items = resolved(part.items, root);
  return Array.isArray(items.enum) ? items.enum.every(isSimple) : ['string', 'integer', 'number', 'boolean'].includes(typeOf(items));
}

const wordOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

/** `read_timeout_ms` → `Read timeout ms`, where the schema has no title. */
function titleOf(part, { name }) {
  const words = part.title ?? name.replace(/[_-]+/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

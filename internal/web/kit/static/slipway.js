// What the pages do with a script; without it they work too, after a reload.

const main = document.getElementById('main');
const mark = document.getElementById('live');

// listen keeps an event stream open through anything, a restart of the server too. The browser tries again by itself as long as the stream merely breaks;
// an answer that is no stream ends it, and is asked for anew here. url is a function: it says where to go on.
function listen(url, handlers, broken) {
  let source;
  const open = () => {
    source = new EventSource(url());
    for (const [name, handle] of Object.entries(handlers)) source.addEventListener(name, handle);
    source.addEventListener('error', () => {
      broken?.();
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 2000);
    });
  };
  open();
  return () => source.close();
}

// Live: the server sends each part of the page that has changed. have is the sum of each part that the page shows.
if (main?.dataset.live) {
  const have = new Map((main.dataset.have ?? '').split(' ').filter(Boolean).map((x) => x.split(':')));
  listen(() => main.dataset.live + [...have].map((x) => `&have=${encodeURIComponent(x.join(':'))}`).join(''), {
    hello: () => { if (mark) mark.textContent = 'Live'; },
    part: (e) => {
      const part = JSON.parse(e.data);
      have.set(part.id, part.sum);
      document.title = part.title;
      replace(part.id, part.html);
    },
    reload: () => location.reload(), // the session has ended
  }, () => {
    if (mark) mark.textContent = 'The server does not answer; trying again';
  });
}

// How long ago something was goes on by itself, in the words of ago in time.go.
setInterval(() => {
  for (const t of document.querySelectorAll('time[data-ago]')) t.textContent = ago((Date.now() - Date.parse(t.dateTime)) / 1000);
}, 10000);

function ago(seconds) {
  if (seconds < 0 && seconds > -60) return 'just now';
  const away = Math.abs(seconds);
  const [n, unit] = away < 60 ? [1, 's'] : away < 3600 ? [60, 'min'] : away < 86400 ? [3600, 'h'] : [86400, 'd'];
  const words = `${Math.floor(away / n)} ${unit}`;
  return seconds < 0 ? `in ${words}` : `${words} ago`;
}

// held are parts that were sent while somebody typed in them. They are replaced when that ends.
const held = new Map();
document.addEventListener('focusout', () => setTimeout(() => {
  for (const [id, html] of [...held]) replace(id, html);
}));

// replace replaces a part of the page. What is unfolded in it stays so, and the focus stays on what has it.
function replace(id, html) {
  const old = document.getElementById(id);
  const fresh = new DOMParser().parseFromString(html, 'text/html').getElementById(id);
  held.delete(id);
  if (!old || !fresh || old.isEqualNode(fresh)) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.matches('input, textarea, select')) { held.set(id, html); return; }
  const open = [...old.querySelectorAll('details[open][id]')].map((d) => d.id);
  const href = focused?.getAttribute('href');
  old.replaceWith(fresh);
  for (const name of open) document.getElementById(name)?.setAttribute('open', '');
  if (focused?.id) document.getElementById(focused.id)?.focus();
  else if (href) fresh.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus();
}

// The palette: what is found, and what can be done on this page. The field in the bar is a combobox; its list hangs below it.
const field = document.getElementById('find');
const list = document.createElement('ul');
let asked = 0;
if (field) {
  Object.assign(list, { id: 'hits', className: 'hits', hidden: true });
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'What was found');
  field.form.append(list);
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'hits', 'aria-autocomplete': 'list' })) field.setAttribute(name, value);
  field.addEventListener('input', look);
  field.addEventListener('focus', look);
  field.addEventListener('blur', close);
  field.addEventListener('keydown', (e) => {
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') { e.preventDefault(); select(e.key === 'ArrowDown' ? 1 : -1); }
    if (e.key === 'Escape') { field.value = ''; field.blur(); }
  });
  field.form.addEventListener('submit', (e) => {
    const chosen = list.hidden ? null : list.querySelector('[aria-selected="true"]');
    if (chosen) { e.preventDefault(); go(chosen); }
  });
  list.addEventListener('mousedown', (e) => { e.preventDefault(); const hit = e.target.closest('[role="option"]'); if (hit) go(hit); });
}

async function look() {
  const turn = ++asked;
  const q = field.value.trim();
  await new Promise((done) => { setTimeout(done, q ? 80 : 0); }); // while somebody types on
  if (turn !== asked) return;
  try {
    const answer = await fetch(`/find?part=1&q=${encodeURIComponent(q)}`);
    if (turn !== asked || document.activeElement !== field) return;
    if (answer.status === 401) { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    list.replaceChildren(...here(q), ...page.querySelectorAll('li'));
    [...list.children].forEach((hit, i) => { hit.id = `hit-${i}`; });
    list.hidden = false;
    field.setAttribute('aria-expanded', 'true');
    select(1);
  } catch { /* Enter asks for the page of what was found */ }
}

// here are the buttons of this page that fit.
function here(q) {
  return [...main.querySelectorAll('button, summary[data-key]')].filter((b) => b.textContent.toLowerCase().includes(q.toLowerCase())).slice(0, 5).map((b) => {
    const hit = document.createElement('li');
    hit.setAttribute('role', 'option');
    const what = Object.assign(document.createElement('span'), { className: 'what', textContent: 'Here' });
    const name = Object.assign(document.createElement('b'), { textContent: b.textContent.trim().replace(/\s+/g, ' ') });
    hit.append(what, name);
    hit.target = b;
    return hit;
  });
}

function select(step) {
  const hits = [...list.querySelectorAll('[role="option"]:not([aria-disabled])')];
  if (!hits.length) { field.removeAttribute('aria-activedescendant'); return; }
  const before = hits.findIndex((h) => h.getAttribute('aria-selected') === 'true');
  const at = before < 0 ? (step > 0 ? 0 : hits.length - 1) : (before + step + hits.length) % hits.length;
  hits.forEach((h, i) => h.setAttribute('aria-selected', String(i === at)));
  field.setAttribute('aria-activedescendant', hits[at].id);
  hits[at].scrollIntoView({ block: 'nearest' });
}

function go(hit) {
  if (hit.dataset.href) { location.href = hit.dataset.href; return; }
  close();
  show(hit.target);
}

function close() {
  asked++;
  list.hidden = true;
  field.setAttribute('aria-expanded', 'false');
  field.removeAttribute('aria-activedescendant');
}

// show leads to something that can be done: it never does it.
function show(what) {
  for (let d = what?.closest('details'); d; d = d.parentElement.closest('details')) if (what.tagName !== 'SUMMARY' || d !== what.parentElement) d.open = true;
  what?.scrollIntoView({ block: 'center' });
  what?.focus();
}

function find() {
  if (field.offsetParent) { field.focus(); field.select(); } else location.href = '/find';
}

// A line that is linked to is shown, in whatever it is folded away.
function reveal() {
  const line = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  for (let d = line?.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
  if (line?.closest('.log')) line.scrollIntoView({ block: 'center' });
}
addEventListener('hashchange', reveal);
reveal();

// Keys.
const places = { b: '/board', s: '/repositories', u: '/builds', t: '/tests', d: '/deployments', r: '/releases', c: '/settings' };
// What is said where a key finds nothing to lead to.
const nothing = { a: 'Nothing to approve on this page', r: 'Nothing to retry on this page', p: 'Nothing to promote on this page', b: 'Nothing to stop or roll back on this page' };
let first = '';
document.addEventListener('keydown', (e) => {
  if ((e.ctrlKey || e.metaKey) && e.key === 'k' && field) { e.preventDefault(); find(); return; }
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches('input, textarea, select')) return;
  if (first === 'g' && places[e.key]) { location.href = places[e.key]; return; }
  first = e.key === 'g' ? 'g' : '';
  if (e.key === '/' && field) { e.preventDefault(); find(); return; }
  if (e.key === '?') { const keys = document.getElementById('keys'); if (keys) { keys.open = !keys.open; keys.firstElementChild.focus({ preventScroll: true }); } return; }
  const step = { j: 1, k: -1 }[e.key];
  if (step) { walk([...main.querySelectorAll('a.change, h3 a, tbody th a, .hits a')], step); return; }
  const error = { n: 1, N: -1 }[e.key];
  if (error) { walk([...main.querySelectorAll('.log .bad > a, .host.is-failed h3 a, .events .is-failed a, article h3 a')], error); return; }
  if (e.key === 'f') document.getElementById('follow')?.click();
  else if (e.key === 'Escape') document.getElementById('keys')?.removeAttribute('open');
  else if (/^[a-z]$/.test(e.key)) {
    const what = document.querySelector(`[data-key="${e.key}"]`);
    if (what) show(what); else if (nothing[e.key] && mark) mark.textContent = nothing[e.key];
  }
});

function walk(links, step) {
  const at = links.indexOf(document.activeElement);
  const next = at < 0 && step < 0 ? links.length - 1 : Math.min(Math.max(at + step, 0), links.length - 1);
  for (let d = links[next]?.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
  links[next]?.focus();
  links[next]?.scrollIntoView({ block: 'nearest' });
}

// The log of a build that runs: rows come as they are written. Only the newest stay in the page; the rest is a window away.
const log = document.querySelector('[data-log]');
const keep = 2000;
if (log?.dataset.log) {
  const follow = document.getElementById('follow');
  let from = '';
  const stop = listen(() => (from ? log.dataset.log.replace(/from=\d+/, `from=${from}`) : log.dataset.log), {
    lines: (e) => {
      from = e.lastEventId;
      document.getElementById('log-empty')?.remove();
      log.insertAdjacentHTML('beforeend', e.data);
      while (log.childElementCount > keep) log.firstElementChild.remove();
      if (follow?.checked) log.lastElementChild.scrollIntoView({ block: 'end' });
    },
    complete: () => { stop(); follow?.closest('label').remove(); },
  });
}

// Passkeys: the server says what to ask the browser for, and the browser's answer goes back with the form.
for (const form of document.querySelectorAll('form[data-passkey]')) {
  const kinds = {
    get: ['parseRequestOptionsFromJSON', (publicKey) => navigator.credentials.get({ publicKey })],
    create: ['parseCreationOptionsFromJSON', (publicKey) => navigator.credentials.create({ publicKey })],
  };
  const [parse, ask] = kinds[form.dataset.passkey];
  if (!window.PublicKeyCredential?.[parse]) continue;
  form.hidden = false;
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    const problem = form.querySelector('[data-problem]');
    try {
      const answer = await fetch(form.dataset.ask, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
      if (!answer.ok) throw new Error(await answer.text());
      const { options, state } = await answer.json();
      const credential = await ask(PublicKeyCredential[parse](options.publicKey));
      form.elements.state.value = state;
      form.elements.response.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      problem.textContent = `The passkey was not used: ${error.message}`;
      problem.hidden = false;
    }
  });
}

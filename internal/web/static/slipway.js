// What the pages do with a script; without it they work too, after a reload.

const main = document.getElementById('main');

// Live: when something that the page shows has changed, read the page anew and replace what differs, by its id.
if (main?.dataset.live) {
  const mark = document.getElementById('live');
  const source = new EventSource(main.dataset.live);
  source.addEventListener('hello', () => {
    if (mark) mark.textContent = 'Live';
    refresh(); // what changed before anybody listened
  });
  source.addEventListener('changed', refresh);
  source.addEventListener('error', () => {
    if (mark) mark.textContent = 'The server does not answer; trying again';
  });
}

let reading = false;
let again = false;

async function refresh() {
  if (reading) { again = true; return; }
  reading = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
    if (answer.status === 401 || answer.redirected) { location.reload(); return; }
    if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), 'text/html'));
  } catch { /* the event stream says so */ } finally {
    reading = false;
    if (again) { again = false; refresh(); }
  }
}

// replace takes each element marked data-part from a fresh page. One in which somebody types, or whose menu is open, waits.
function replace(page) {
  for (const fresh of page.querySelectorAll('[data-part]')) {
    const old = document.getElementById(fresh.id);
    if (!old || old.isEqualNode(fresh)) continue;
    if (old.contains(document.activeElement) && document.activeElement.matches('input, textarea, select')) continue;
    const open = [...old.querySelectorAll('details[open][id]')].map((d) => d.id);
    const focused = old.contains(document.activeElement) ? document.activeElement.id : '';
    old.replaceWith(fresh);
    for (const id of open) document.getElementById(id)?.setAttribute('open', '');
    if (focused) document.getElementById(focused)?.focus();
  }
  document.title = page.title;
}

// Keys.
let first = '';
document.addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches('input, textarea, select')) return;
  if (first === 'g' && e.key === 'b') { location.href = '/board'; return; }
  first = e.key === 'g' ? 'g' : '';
  const step = { j: 1, k: -1 }[e.key];
  if (step) {
    const links = [...main.querySelectorAll('a.hull, h3 a, tbody th a')];
    const at = links.indexOf(document.activeElement);
    links[Math.min(Math.max(at + step, 0), links.length - 1)]?.focus();
    return;
  }
  if (e.key === 'f') document.getElementById('follow')?.click();
  if (e.key === 'a') document.querySelector('[data-key="a"]')?.focus();
  if (e.key === 'r') document.querySelector('[data-key="r"]')?.focus();
});

// The log of a build that runs: rows come as they are written. Only the newest stay in the page; the rest is a window away.
const log = document.querySelector('[data-log]');
const keep = 2000;
if (log?.dataset.log) {
  const follow = document.getElementById('follow');
  const rows = new EventSource(log.dataset.log);
  rows.addEventListener('lines', (e) => {
    document.getElementById('log-empty')?.remove();
    log.insertAdjacentHTML('beforeend', e.data);
    while (log.childElementCount > keep) log.firstElementChild.remove();
    if (follow?.checked) log.lastElementChild.scrollIntoView({ block: 'end' });
  });
  rows.addEventListener('complete', () => { rows.close(); follow?.closest('label').remove(); });
}

'use strict';
const one = (query) => document.querySelector(query);
const all = (query) => [...document.querySelectorAll(query)];

// Light or dark: as the system has it, until somebody chooses.
const root = document.documentElement;
const theme = one('#theme');
theme.hidden = false;
theme.addEventListener('click', () => {
  const isDark = root.dataset.theme
    ? root.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
});

// The filter: every word must stand somewhere in a step. `#q=word` in the address does the same.
const filter = one('#filter');
if (filter) {
  one('.tools').hidden = false;
  const steps = all('.step').map((node) => ({ node, text: null }));
  const textOf = (step) => (step.text ??= step.node.textContent.toLowerCase());
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const step of steps) {
      const fits = words.every((word) => textOf(step).includes(word));
      step.node.hidden = !fits;
      shown += fits;
    }
    one('#shown').textContent = words.length ? `${shown} of ${steps.length}` : '';
  };
  const read = () => {
    const query = location.hash.match(/^#q=(.*)$/);
    if (query) {
      try {
        filter.value = decodeURIComponent(query[1]);
      } catch {
        filter.value = query[1];
      }
      apply();
    }
  };
  filter.addEventListener('input', () => {
    apply();
    const query = filter.value ? `#q=${encodeURIComponent(filter.value)}` : '#timeline';
    history.replaceState(null, '', query);
  });
  addEventListener('hashchange', read);
  read();

  const unfold = one('#unfold');
  unfold.addEventListener('click', () => {
    const open = unfold.textContent === 'Expand all';
    for (const details of all('.step:not([hidden]) > details')) details.open = open;
    unfold.textContent = open ? 'Collapse all' : 'Expand all';
  });
}

// Who follows a link to a call sees it.
const reveal = () => {
  const call = /^#call-\d+$/.test(location.hash) && one(location.hash);
  if (!call) return;
  call.parentElement.hidden = false;
  call.open = true;
  call.scrollIntoView({ block: 'center' });
};
addEventListener('hashchange', reveal);
reveal();

// A click, or the enter key, copies a hash.
const copy = async (node) => {
  getSelection().selectAllChildren(node);
  try {
    await navigator.clipboard.writeText(node.textContent);
    node.classList.add('copied');
    setTimeout(() => node.classList.remove('copied'), 1200);
  } catch {
    // It is selected; Ctrl-C does the rest.
  }
};
addEventListener('click', (event) => {
  if (event.target.matches?.('.hash')) copy(event.target);
});
addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && event.target.matches?.('.hash')) copy(event.target);
});

// Paper has no triangles to click.
let closed = [];
addEventListener('beforeprint', () => {
  closed = all('details:not([open])');
  for (const details of closed) details.open = true;
});
addEventListener('afterprint', () => {
  for (const details of closed) details.open = false;
});

// The page. Its messages have the types of the server's: src/messages.ts.
import { type Link, openLink } from '../src/link.ts';
import type { Told } from '../src/messages.ts';

const find = <E extends Element>(selector: string): E => document.querySelector<E>(selector)!;
const state = find<HTMLOutputElement>('#state');
const here = find<HTMLElement>('#here');
const log = find<HTMLUListElement>('ul');

/** Older ones go: a page may stay open for days. */
const MAX_LINES = 500;

function note(text: string): void {
  const line = document.createElement('li');
  line.textContent = text;
  log.prepend(line);
  while (log.childElementCount > MAX_LINES) log.lastElementChild?.remove();
}

function told(message: Told): void {
  if (message.type === 'here') here.textContent = message.names.join(', ');
  else note(message.from === '' ? message.text : `${message.from}: ${message.text}`);
}

function enter(name: string): Link {
  const link = openLink({ address: '/ws', name, told });
  link.on('state', (now) => {
    state.textContent = now.name === 'online' ? '●' : `○ ${now.name} …`;
  });
  return link;
}

/** Calls back with each line that is entered. */
function onEntered(form: HTMLFormElement, entered: (text: string) => void): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    entered(String(new FormData(form).get('text')));
    form.reset();
  });
}

const join = find<HTMLFormElement>('#join');
const say = find<HTMLFormElement>('#say');
onEntered(join, (name) => {
  const link = enter(name);
  join.remove();
  find<HTMLElement>('main').hidden = false;
  find<HTMLInputElement>('#say input').focus();
  onEntered(say, (text) => {
    link.writeAndFlush({ type: 'say', text }).onSettled((error) => {
      if (error !== undefined) note(`not sent: ${text}`);
    });
  });
});

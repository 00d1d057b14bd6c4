// The talker of a page: its links are WebSockets of the browser.
import { WebSocketBinaryCodec, WebSocketBootstrap } from '@headrace/websocket';
import { beating } from '../link.ts';
import { startTalker } from '../talker.ts';

const [form, lines, said] = ['#sign-in', '#lines', '#line'].map((one) =>
  document.querySelector(one),
);

/** Older ones go: a page may stay open for days. */
const MAX_LINES = 1000;

function note(line: string): void {
  const item = document.createElement('li');
  item.textContent = line;
  lines?.prepend(item);
  while ((lines?.childElementCount ?? 0) > MAX_LINES) lines?.lastElementChild?.remove();
}

async function talk(name: string, password: string): Promise<void> {
  const channel = await startTalker({
    name,
    password,
    links: {
      bootstrap: new WebSocketBootstrap().handler((link) =>
        link.pipeline.addLast(new WebSocketBinaryCodec(), beating()),
      ),
      addresses: ['/room'],
    },
    note,
  });
  form?.replaceWith(said!);
  said?.addEventListener('change', () => {
    channel.writeAndFlush((said as HTMLInputElement).value);
    (said as HTMLInputElement).value = '';
  });
  const { reason, error } = await channel.closed;
  note(`the end: ${error?.message ?? reason}`);
}

form?.addEventListener('submit', (event) => {
  event.preventDefault();
  const given = new FormData(form as HTMLFormElement);
  void talk(String(given.get('name')), String(given.get('password')));
});

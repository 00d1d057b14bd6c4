/**
 * The page: a list of what was said, and a line to say something. It comes back by itself when the connection is lost.
 *
 * @param importMap - where the page finds the packages that it imports
 */
export const page = (importMap: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>One port</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  input { font: inherit; width: 100%; box-sizing: border-box }
</style>
<h1>One port</h1>
<form><input autofocus autocomplete="off" aria-label="Say something" placeholder="Say something"></form>
<output></output>
<ul role="log"></ul>
<script type="importmap">${importMap}</script>
<script type="module">
  import { ReconnectingClient } from '@headrace/client';
  import { WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';

  const log = document.querySelector('ul');
  const input = document.querySelector('input');
  const state = document.querySelector('output');
  const show = (text) => {
    const line = document.createElement('li');
    line.textContent = text;
    log.prepend(line);
  };
  const client = new ReconnectingClient({
    bootstrap: new WebSocketBootstrap().handler(({ pipeline }) =>
      pipeline.addLast(new WebSocketTextCodec(), { channelRead: (_ctx, text) => show(text) }),
    ),
    addresses: ['ws'], // relative to the page
  });
  client.on('state', ({ name }) => {
    state.textContent = name === 'online' ? '' : name + ' …';
  });
  client.start();
  document.querySelector('form').onsubmit = (event) => {
    event.preventDefault();
    const text = input.value;
    // Without a connection it waits.
    client.writeAndFlush(text).onSettled((error) => {
      if (error !== undefined) show('not sent: ' + text);
    });
    input.value = '';
  };
</script>
`;

/** The page: a list of what was said, and a line to say something. */
export const PAGE = `<!doctype html>
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
<ul role="log"></ul>
<script type="module">
  const log = document.querySelector('ul');
  const input = document.querySelector('input');
  const show = (text) => {
    const line = document.createElement('li');
    line.textContent = text;
    log.prepend(line);
  };
  const socket = new WebSocket(location.href.replace(/^http/, 'ws').replace(/#.*$/, '') + 'ws');
  socket.onmessage = ({ data }) => show(data);
  socket.onclose = () => show('the connection is closed: reload the page');
  document.querySelector('form').onsubmit = (event) => {
    event.preventDefault();
    socket.send(input.value);
    input.value = '';
  };
</script>
`;

// `npm start`: the chat and its page.
import { startChat } from './chat-server.ts';
import { pageFiles } from './page-files.ts';

const PORT = 18_894;

try {
  const server = await startChat({ port: PORT, files: pageFiles() });
  console.log(`open http://127.0.0.1:${server.port}/`);
  const end = () => void server.shutdown().then(() => process.exit(0));
  process.once('SIGINT', end).once('SIGTERM', end);
} catch (error) {
  console.error(`socket-io-chat: ${(error as Error).message}`);
  process.exit(1);
}

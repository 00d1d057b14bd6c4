// A small Redis: `npm start --prefix examples/mini-redis`, then `redis-cli -p 6380` or any Redis client.
// The port is the argument or PORT, 6380 without either.
import { startMiniRedis } from './mini-redis.ts';

const port = Number(process.argv[2] ?? process.env['PORT'] ?? 6380);
const server = await startMiniRedis({ port });
console.log(`mini-redis listens on ${server.port}: redis-cli -p ${server.port}`);
const end = (): void => void server.shutdown();
process.once('SIGINT', end).once('SIGTERM', end);

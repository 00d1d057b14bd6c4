// A NestJS microservice over Headrace on 127.0.0.1:18890. `npm start`, then `npm run shop` in a second terminal.
import { startOrderService } from './order-service.ts';

const place = { host: '127.0.0.1', port: Number(process.env['PORT'] ?? 18_890) };
await startOrderService(place);
console.log(`the order service listens on ${place.host}:${place.port}`);

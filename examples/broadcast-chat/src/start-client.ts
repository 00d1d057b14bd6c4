// `npm run chat -- ann`: a line for the person who waits, and then the client, whose modules take seconds to load.
console.log(`chat: connecting to 127.0.0.1:${process.env['NETTY_TCP_PORT'] ?? 18_888} …`);
try {
  await import('./client.ts');
} catch (error) {
  console.error(`chat: ${(error as Error).message}; npm start runs the server`);
  process.exitCode = 1;
}

// The page. `vite build` writes it to dist/page, which the server reads; `npm run dev:page` serves it while it is written, and
// passes its requests and its WebSocket on to the server.
import { defineConfig } from 'vite';

export default defineConfig({
  root: 'page',
  build: { outDir: '../dist/page', emptyOutDir: true },
  server: {
    proxy: {
      '/socket.io': { target: `http://127.0.0.1:${process.env.PORT ?? 9000}`, ws: true },
    },
  },
});

// The parts that tests of other examples use.
export { type ChatPeer, connectPeer, type Framing, joinAs } from './chat-peer.ts';
export { ChatProcess } from './chat-process.ts';
export { hasChromium, hears, PageBrowser, say, suiteName } from './page-browser.ts';

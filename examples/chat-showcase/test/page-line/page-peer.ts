// A WebSocket that also speaks the page's own line.
import { WebSocket } from 'ws';
import type { PageMessage, PageWord } from '../../src/page-line/page-message.ts';

type Kind = PageMessage['kind'];
type Of<K extends Kind> = Extract<PageMessage, { kind: K }>;

export class PagePeer {
  readonly texts: string[] = [];
  readonly news: PageMessage[] = [];
  closed: { code: number; reason: string } | undefined = undefined;
  private readonly ws: WebSocket;
  private wake = (): void => {};

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data, isBinary) => {
      if (isBinary) this.news.push(JSON.parse(String(data)) as PageMessage);
      else this.texts.push(String(data));
      this.wake();
    });
    ws.on('error', () => {});
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.wake();
    });
  }

  static async open(port: number): Promise<PagePeer> {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    const peer = new PagePeer(ws);
    await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
    return peer;
  }

  static async join(port: number, id: string): Promise<PagePeer> {
    const peer = await PagePeer.open(port);
    peer.say(`AUTH:${id}`);
    await peer.until(() => peer.texts.includes('AUTH_OK'));
    return peer;
  }

  say(text: string): void {
    this.ws.send(text);
  }

  ask(word: PageWord | 'nonsense'): void {
    this.ws.send(Buffer.from(word));
  }

  /** The next message of this kind for which it holds; those before it are dropped. */
  async next<K extends Kind>(kind: K, holds: (message: Of<K>) => boolean = () => true) {
    const isWanted = (one: PageMessage): one is Of<K> => one.kind === kind && holds(one as Of<K>);
    await this.until(() => this.news.some(isWanted));
    const at = this.news.findIndex(isWanted);
    return this.news.splice(0, at + 1).at(-1) as Of<K>;
  }

  async until(holds: () => boolean): Promise<void> {
    // For what hangs only.
    const deadline = Date.now() + 20_000;
    while (!holds()) {
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(`it did not happen: ${this.texts} ${JSON.stringify(this.news)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  destroy(): void {
    this.ws.terminate();
  }
}

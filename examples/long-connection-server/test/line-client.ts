import net from 'node:net';

/** A client that writes lines and waits for lines. */
export class LineClient {
  readonly socket: net.Socket;
  /** Everything that came. */
  received = '';
  private at = 0;
  private isEnded = false;
  private wake: () => void = () => {};

  constructor(port: number) {
    this.socket = net.connect({ host: '127.0.0.1', port });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.received += text;
      this.wake();
    });
    const end = (): void => {
      this.isEnded = true;
      this.wake();
    };
    this.socket.on('error', () => {});
    this.socket.on('close', end);
  }

  send(...lines: readonly string[]): this {
    this.socket.write(lines.map((line) => `${line}\n`).join(''));
    return this;
  }

  /** The next line, or `undefined` if the server closed first. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.received.indexOf('\n', this.at);
      if (end >= 0) {
        const line = this.received.slice(this.at, end);
        this.at = end + 1;
        return line;
      }
      if (this.isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Sends lines and returns as many answers. */
  async ask(...lines: readonly string[]): Promise<(string | undefined)[]> {
    this.send(...lines);
    const answers: (string | undefined)[] = [];
    for (let i = 0; i < lines.length; i++) answers.push(await this.line());
    return answers;
  }
}

import { clearLine, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import { styleText } from 'node:util';
import { type Phrase, printable, type Tone } from './phrases.ts';

type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<Tone, Style>> = {
  own: 'cyan',
  other: 'yellow',
  quiet: 'gray',
  bad: 'red',
};

const PROMPT = '> ';
/** For people only. */
const WELCOME = 'Type to talk to all; /help lists the commands.';

export interface TerminalStreams {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** Lines in and out; output during typing goes above the typed line. */
export class Terminal {
  private readonly output: NodeJS.WriteStream;
  private readonly isInteractive: boolean;
  private readonly lines: Interface;
  private isOpen = true;

  constructor(
    { input, output }: TerminalStreams,
    onLine: (text: string) => void,
    onEnd: () => void,
  ) {
    this.output = output;
    this.isInteractive = input.isTTY === true && output.isTTY === true;
    const options = this.isInteractive ? { input, output, prompt: PROMPT } : { input };
    this.lines = createInterface(options);
    this.lines.on('line', (text) => {
      if (this.isInteractive) this.takeBack(text);
      onLine(text.trim());
    });
    this.lines.on('close', () => {
      this.isOpen = false;
      onEnd();
    });
    this.lines.on('SIGINT', () => this.lines.close());
    if (this.isInteractive) output.write(`${this.styled('quiet', WELCOME)}\n`);
  }

  show({ tone, who, text }: Phrase): void {
    const time = new Date().toTimeString().slice(0, 5);
    const name = who === undefined ? '' : `${this.styled(tone, printable(who))}: `;
    const said = who === undefined ? this.styled(tone, printable(text)) : printable(text);
    if (this.isInteractive) {
      cursorTo(this.output, 0);
      clearLine(this.output, 0);
    }
    this.output.write(`${this.styled('quiet', time)} ${name}${said}\n`);
    if (this.isInteractive && this.isOpen) this.lines.prompt(true);
  }

  close(): void {
    this.lines.close();
  }

  /** The typed line comes back as an echo, with time and name. */
  private takeBack(text: string): void {
    const rows = Math.ceil((PROMPT.length + text.length + 1) / (this.output.columns || 80));
    for (let i = 0; i < rows; i++) {
      moveCursor(this.output, 0, -1);
      clearLine(this.output, 0);
    }
    this.lines.prompt();
  }

  private styled(tone: Tone, text: string): string {
    const isPlain = this.output.isTTY !== true || process.env['NO_COLOR'] !== undefined;
    return isPlain ? text : styleText(STYLES[tone], text);
  }
}

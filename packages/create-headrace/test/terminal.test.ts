import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { terminalQuestions } from '../src/terminal.ts';
import { Cancelled } from '../src/user-error.ts';

const ENTER = '\r';
const DOWN = '\u001b[B';
const CTRL_C = '\u0003';

/** A terminal, its questions, and everything that it has shown. */
function terminal() {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 40 });
  let shown = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const press = (...keys: string[]) => {
    for (const key of keys) input.write(key);
  };
  return { press, questions: terminalQuestions(input, output)!, shown: () => shown };
}

describe('the questions in a terminal', () => {
  it('are not asked where there is none', () => {
    expect(terminalQuestions(new PassThrough(), new PassThrough())).toBeUndefined();
  });

  it('take an empty line as the folder that is shown', async () => {
    const { press, questions, shown } = terminal();
    const answer = questions.folder('headrace-app', () => undefined);
    press(ENTER);
    expect(await answer).toBe('headrace-app');
    expect(shown()).toContain('headrace-app');
  });

  it('say what is wrong with a folder, and ask on', async () => {
    const { press, questions, shown } = terminal();
    const answer = questions.folder('x', (text) => (text === 'a' ? 'a is taken' : undefined));
    press('a', ENTER, 'b', ENTER);
    expect(await answer).toBe('ab');
    expect(shown()).toContain('a is taken');
  });

  it('show the templates, with a sentence for the one that is meant', async () => {
    const { press, questions, shown } = terminal();
    const answer = questions.template();
    press(DOWN, DOWN, ENTER);
    expect((await answer).name).toBe('websocket-and-tcp');
    expect(shown()).toContain('handler-package');
    expect(shown()).toContain('WebSocket, a page and plain TCP on one port');
  });

  it('take yes or no', async () => {
    const { press, questions } = terminal();
    const yes = questions.yesOrNo('Install?');
    press(ENTER);
    expect(await yes).toBe(true);
    const no = questions.yesOrNo('Install?');
    press('n');
    expect(await no).toBe(false);
  });

  it('end at Ctrl+C', async () => {
    const { press, questions } = terminal();
    const all = [
      () => questions.folder('x', () => undefined),
      () => questions.template(),
      () => questions.yesOrNo('Install?'),
    ];
    for (const ask of all) {
      const answer = ask();
      press(CTRL_C);
      await expect(answer).rejects.toThrow(Cancelled);
    }
  });
});

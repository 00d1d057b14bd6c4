// The user interface: questions, and the progress of a step.
import { styleText } from 'node:util';
import { confirm, isCancel, select, text } from '@clack/prompts';
import type { Questions } from './decisions.ts';
import { TEMPLATES } from './templates.ts';
import { Cancelled } from './user-error.ts';

type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean };
type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Returns questions for a terminal, or `undefined` if there is no user. Ctrl+C and Escape reject with `Cancelled`. */
export function terminalQuestions(
  input: Input = process.stdin,
  output: Output = process.stdout,
): Questions | undefined {
  if (input.isTTY !== true || output.isTTY !== true) return undefined;
  const streams = { input, output } as { input: NodeJS.ReadStream; output: NodeJS.WriteStream };
  return {
    async folder(fallback, faultOf) {
      const answer = await text({
        ...streams,
        message: 'Folder of the new project',
        placeholder: fallback,
        defaultValue: fallback,
        validate: (line) => faultOf(line?.trim() || fallback),
      });
      return answered(answer).trim();
    },
    async template() {
      const options = TEMPLATES.map((value) => ({
        value,
        label: value.name,
        hint: value.description,
      }));
      return answered(await select({ ...streams, message: 'Template', options }));
    },
    yesOrNo: async (message) => answered(await confirm({ ...streams, message })),
  };
}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (isCancel(answer)) throw new Cancelled();
  return answer as Exclude<T, symbol>;
}

/** Returns a command in color, if the terminal has colors. */
export const inColor = (command: string): string => styleText('cyan', command);

const FRAMES = ['◒', '◐', '◓', '◑'];

/**
 * Shows that a step is running, and its duration. Returns a function that removes the display. Shows nothing
 * if the error output is not a terminal.
 *
 * The library's own display is not used, because Ctrl+C would end the process there with exit code 0.
 */
export function showProgress(label: string): () => void {
  const { stderr } = process;
  if (stderr.isTTY !== true) return () => {};
  const begun = performance.now();
  let frame = 0;
  const draw = (): void => {
    const mark = styleText('magenta', FRAMES[frame++ % FRAMES.length]!);
    const seconds = Math.floor((performance.now() - begun) / 1000);
    stderr.write(`\r\u001b[K${mark} ${label} ${seconds} s`);
  };
  draw();
  const timer = setInterval(draw, 100);
  return () => {
    clearInterval(timer);
    stderr.write('\r\u001b[K');
  };
}

import { expect, it, vi } from 'vitest';
import { stderrLogger } from '../../src/index.ts';

it('the default logger takes little time for a line, whatever a peer puts into it', () => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const logger = stderrLogger();
  const cpuOf = (text: string): number => {
    const before = process.cpuUsage();
    for (let i = 0; i < 100; i++) logger.log('warn', text);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const plain = 'so it is '.repeat(90);
  // Looking for numbers in these took thirty times as long, and more.
  const texts = ['a'.repeat(800), '[id: '.repeat(160)];
  // In turn with what costs little, and the least of ten: other work on the machine slows all of them.
  const rounds = Array.from({ length: 10 }, () => [plain, ...texts].map(cpuOf));
  const [usual, ...costs] = [0, 1, 2].map((at) => Math.min(...rounds.map((round) => round[at]!)));
  for (const cost of costs) expect(cost / usual!).toBeLessThan(8);
});

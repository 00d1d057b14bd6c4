import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SENDER_COLORS, senderColor, senderInitials } from '../../src/page/sender-look.js';

describe('senderColor', () => {
  it('is the same for the same name, always', () => {
    expect(['ada', 'bob', 'grace', ''].map(senderColor)).toEqual(
      ['ada', 'bob', 'grace', ''].map(senderColor),
    );
  });

  it('spreads similar names over all colors', () => {
    const counts = new Array<number>(SENDER_COLORS).fill(0);
    for (let at = 0; at < 1600; at += 1) {
      const color = senderColor(`user${at}`);
      counts[color] = (counts[color] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(200);
  });
});

describe('senderInitials', () => {
  it.each([
    ['ada', 'A'],
    ['Ada Lovelace', 'AL'],
    ['edsger.dijkstra', 'ED'],
    ['a_b-c', 'AB'],
    ['  ', ' '],
    ['---', '-'],
    ['😀 face', '😀F'],
    ['e\u0301mile', 'E\u0301'],
    ['小林', '小'],
  ])('of %j are %j', (name, initials) => {
    expect(senderInitials(name)).toBe(initials);
  });
});

describe('theme.css', () => {
  const css = readFileSync(new URL('../../public/theme.css', import.meta.url), 'utf8');
  const darkFrom = css.indexOf('prefers-color-scheme: dark');

  for (const [scheme, part] of [
    ['light', css.slice(0, darkFrom)],
    ['dark', css.slice(darkFrom)],
  ] as const) {
    const color = (name: string): string =>
      new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(part)?.[1] ?? `${name} is missing`;

    it(`has a readable color for every sender, ${scheme}`, () => {
      for (let at = 0; at < SENDER_COLORS; at += 1) {
        for (const surface of ['canvas', 'surface', 'own']) {
          if (scheme === 'dark' && surface === 'own') continue; // own messages show no sender color
          expect(contrast(color(`sender-${at}`), color(surface))).toBeGreaterThanOrEqual(4.5);
        }
      }
    });

    it(`has readable words on every surface, ${scheme}`, () => {
      for (const [words, surface] of [
        ['text', 'canvas'],
        ['text', 'surface'],
        ['text', 'own'],
        ['muted', 'canvas'],
        ['muted', 'surface'],
        ['own-muted', 'own'],
        ['accent', 'canvas'],
        ['accent', 'own'],
        ['danger', 'canvas'],
        ['danger', 'surface'],
        ['on-accent', 'accent'],
        ['on-accent', 'accent-strong'],
        ['on-notice', 'notice'],
      ] as const) {
        const ratio = contrast(color(words), color(surface));
        expect(ratio, `${words} on ${surface}`).toBeGreaterThanOrEqual(4.5);
      }
    });
  }
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

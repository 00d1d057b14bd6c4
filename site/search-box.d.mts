import type { Plugin } from 'vitepress';

export function readableSearchBox(): Plugin;

import type { Plugin } from 'rolldown';

export function forBrowsers(building?: string): Plugin;
export function browserGlobals(building?: string): Record<string, [string, string]>;

export function withoutTags(text: string): string;
export function withWholeCells(markdown: string): string;

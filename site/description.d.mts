export function descriptionOf(markdown: string): string;

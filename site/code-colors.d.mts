export function withClasses(html: string, styles: string): string;

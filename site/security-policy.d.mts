export function withPolicy(html: string): string;
export function withoutEval(script: string): string;

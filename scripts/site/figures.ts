export function figuresTable(_root: string): string {
  return '';
}

/** Returns the subject on which the stored messages of a stream are published. */
export function liveSubject(stream: string): string {
  return stream.replace('.d.', '.l.');
}

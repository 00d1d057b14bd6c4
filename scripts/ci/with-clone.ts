// A clone of HEAD, for the time of a run.
import { join } from 'node:path';
import { must } from '../program.ts';
import { root, temporaryFolder } from '../workspace.ts';

export async function withClone<T>(work: (clone: string) => Promise<T>): Promise<T> {
  using temporary = temporaryFolder();
  const clone = join(temporary.path, 'clone');
  // CI's checkout may belong to another user.
  await must('git', ['-c', 'safe.directory=*', 'clone', '-q', root, clone], root);
  return await work(clone);
}

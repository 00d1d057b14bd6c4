// The state that members of each peer find: ten keys with values of 100 bytes, after 5,000 writes.
const KEYS = 10;
const WRITES = 5000;

export async function writeOften(write) {
  for (let i = 0; i < WRITES; i += 1) {
    await write(`key ${i % KEYS}`, `${i} ${'x'.repeat(100)}`.slice(0, 100));
  }
}

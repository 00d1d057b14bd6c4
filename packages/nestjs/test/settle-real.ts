/** What is ready to run runs: some turns of the event loop, no time. */
export async function settleReal(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

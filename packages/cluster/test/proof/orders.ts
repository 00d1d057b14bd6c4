/** What the test that started this program gave it. */
export function settings<Settings>(): Settings {
  return JSON.parse(process.argv[2] ?? '{}') as Settings;
}

interface Order {
  readonly id: number;
  readonly order: string;
  readonly given: never;
}

/** Carries out the orders of a `NodeProcess`; the program ends with it. */
export function serveOrders(orders: Record<string, (given: never) => unknown>): void {
  const all: typeof orders = { begin: () => {}, ...orders };
  process.on('message', async ({ id, order, given }: Order) => {
    try {
      process.send!({ id, result: await all[order]!(given) });
    } catch (error) {
      process.send!({ id, error: `${order}: ${(error as Error).stack}` });
    }
  });
  process.on('disconnect', () => process.exit());
}

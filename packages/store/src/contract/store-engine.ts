import type { BusLink } from '@headrace/bus';
import type { LogLink } from './log.ts';
import type { RecordLink } from './records.ts';
import type { StateLink } from './state-log.ts';

/**
 * The stores of an engine. `describeStores` tests them. To give a bus of your own a store, pass the engine to
 * {@link provideStores}.
 */
export interface StoreEngine {
  /** Opens the logs of the engine over a link, for durable groups. @default the engine has no logs */
  openLog?(link: BusLink): LogLink;
  /** Opens the states of the engine over a link, for state groups. @default the engine has no states */
  openStates?(link: BusLink): StateLink;
  /** Opens the records of the engine over a link, for lasting channels. @default the engine has no records */
  openRecords?(link: BusLink): RecordLink;
}

import { describeSameTraces } from '../../../simulation/test/fixture/same-traces.ts';
import { TRACED } from './traced-scenarios.ts';

describeSameTraces('rpc', TRACED);

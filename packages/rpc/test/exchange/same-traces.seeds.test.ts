import { describeMoreTraces } from '../../../simulation/test/fixture/same-traces.ts';
import { TRACED } from './traced-scenarios.ts';

describeMoreTraces('rpc', TRACED);

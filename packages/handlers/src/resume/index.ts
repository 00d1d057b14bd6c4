// What both ends of lasting channels are made of: for a client of your own. Applications use ResumeHandler and
// ResumeTable of @headrace/handlers, and LastingBootstrap of @headrace/client.
export { absentError, beginLasting, goneError } from './lasting-channel.ts';
export {
  decodeResumeFrame,
  encodeResumeFrame,
  GONE_CODE,
  type MovePlace,
  type OtherVersion,
  type ResumeFrame,
} from './resume-frame.ts';
export {
  type RandomBytes,
  type ResumeAction,
  ResumeMachine,
  type ResumeMachineOptions,
  systemRandom,
} from './resume-machine.ts';
export {
  type ResumeLink,
  type ResumeOwner,
  ResumeTransport,
  type ResumeTransportOptions,
} from './resume-transport.ts';

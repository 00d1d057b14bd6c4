// What both ends of lasting channels are made of: for a client of your own. Applications use ResumeHandler and
// ResumeTable of @headrace/handlers, and LastingBootstrap of @headrace/client.
export { absentError, beginLasting, goneError } from './lasting-channel.ts';
export type { MovePlace } from './resume-frame.ts';
export { type ResumeAction, ResumeMachine, systemRandom } from './resume-machine.ts';
export { type ResumeOwner, ResumeTransport } from './resume-transport.ts';

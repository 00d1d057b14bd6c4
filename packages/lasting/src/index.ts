// The client's end

// A lasting channel, on both ends
export {
  acknowledged,
  isLinked,
  type LastingChannel,
  unacknowledged,
} from './channel/lasting-channel.ts';
export { LinkLostEvent, LinkMoveEvent, LinkResumedEvent } from './channel/resume-event.ts';
export { LastingBootstrap, linksOf } from './client/lasting-bootstrap.ts';
// Errors
export { LASTING_ERRORS } from './lasting-errors.ts';
export type { MovePlace } from './protocol/resume-frame.ts';
// The server's end
export { ResumeHandler } from './server/resume-handler.ts';
export { ResumeTable } from './server/resume-table.ts';

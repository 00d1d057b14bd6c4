// The client

// The lasting channel, on both ends
export {
  acknowledged,
  isLinked,
  type LastingChannel,
  type LastingInitializer,
  unacknowledged,
} from './channel/lasting-channel.ts';
export { LinkLostEvent, LinkMoveEvent, LinkResumedEvent } from './channel/resume-event.ts';
export {
  LastingBootstrap,
  type LastingOptions,
  type LastingPipeline,
  linksOf,
} from './client/lasting-bootstrap.ts';
// Errors
export { LASTING_ERRORS } from './lasting-errors.ts';
// The contract of logs, see `@headrace/lasting/log`
export type { AppendPlace, LoggedSession, SessionLog } from './log/session-log.ts';
export type { MovePlace } from './protocol/resume-frame.ts';
// The server
export type { GoneReason } from './server/gone-reason.ts';
export type { HandOverOptions, HandOverReport } from './server/hand-over.ts';
export { ResumeHandler, type ResumeHandlerOptions } from './server/resume-handler.ts';
export { ResumeTable, type ResumeTableCounters } from './server/resume-table.ts';
export type { MoveOptions, ResumeTableOptions } from './server/resume-table-options.ts';

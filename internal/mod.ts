/**
 * What several modules need and no user of theirs: it stands below `channel`, and is no entrypoint.
 *
 * @module
 */
export { AbortGroup, type AbortMember, onAbort } from "./abort.ts";
export type { MessagePortLike } from "./message_port.ts";
export { checkFunction, checkInteger, refusal } from "./refusal.ts";
export { reportUncaught } from "./report.ts";
export { isSubject, matchSubject } from "./subject.ts";
export { every, later } from "./timer.ts";

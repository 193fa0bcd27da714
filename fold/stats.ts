/** How a {@linkcode Fold} is doing. Everything in it is JSON. */
export interface FoldStats {
  /** The id of its kind. */
  readonly kind: number;
  /** The name of its kind. */
  readonly name: string;
  /** How many entries are held; those among them that have expired are seen by nobody, and go with the next sweep. */
  readonly entries: number;
  /** How many nodes have entries. */
  readonly nodes: number;
  /** How many generations of entries that are gone are remembered. */
  readonly remembered: number;
  /** How many watches there are. */
  readonly watches: number;
  /** How many announcements came: `inserted + replaced + left + rejected`. */
  readonly applied: number;
  /** How many made an entry. */
  readonly inserted: number;
  /** How many took the place of an entry. */
  readonly replaced: number;
  /** How many said that something is over, whether there was an entry or not. */
  readonly left: number;
  /** How many were rejected. */
  readonly rejected: number;
  /** How many were rejected, by reason; `"invalid"` are those for which an error was thrown, and `"other"` what there were too many reasons for. */
  readonly rejections: Readonly<Record<string, number>>;
  /** How many entries have expired and were removed. */
  readonly expired: number;
  /** How many entries were evicted. */
  readonly evicted: number;
  /** How many entries their nodes have taken back. */
  readonly departed: number;
  /** How many announcements had a life that was too short or too long. */
  readonly clamped: number;
  /** How many generations were forgotten before their time, to make room for others. */
  readonly forgotten: number;
  /** How many times the fold was asked for entries. */
  readonly queries: number;
  /** How many snapshots were taken. */
  readonly snapshots: number;
  /** How many snapshots were restored. */
  readonly restores: number;
  /** How many changes watches have missed. */
  readonly missed: number;
  /** Whether there is an audit sink. */
  readonly hasAuditSink: boolean;
  /** How many times the audit sink has thrown, or what the kind says of an event has. */
  readonly auditErrors: number;
}

import { BlockList, isIP } from 'node:net';
import {
  type Address,
  type Channel,
  clientAddress,
  OptionError,
  PipelineError,
  RejectedError,
} from '@headrace/core';
import {
  addNetwork,
  bareHost,
  checkKind,
  choice,
  describeOptions,
  value,
} from '@headrace/core/authoring';
import { ADMISSION_OPTIONS, AdmissionHandler, type AdmissionOptions } from './admission-handler.ts';

/** A range of addresses: one address (`192.0.2.7`), a network (`192.0.2.0/24`, `2001:db8::/32`), or a `BlockList` of Node. */
export type IpRange = string | BlockList;

/** A rule that allows or denies the addresses that it matches. */
export type IpRule = { readonly allow: IpRange } | { readonly deny: IpRange };

/** Options of an {@link IpFilterHandler}. */
export interface IpFilterOptions extends AdmissionOptions {
  /** The rules in their order. The first rule that matches decides. */
  readonly rules: readonly IpRule[];
  /** The decision on an address that no rule matches. @default 'allow' */
  readonly otherwise?: 'allow' | 'deny';
}

const OPTIONS = describeOptions(
  'IpFilterHandler',
  {
    rules: value('an array of { allow: … } and { deny: … }', Array.isArray, { required: true }),
    otherwise: choice(['allow', 'deny'], { default: 'allow' }),
  },
  ADMISSION_OPTIONS,
);

interface Rule {
  readonly list: BlockList;
  /** A `BlockList` also compares IPv4 addresses with IPv6 networks. For a range that is a text, only one family is compared. */
  readonly family: 'ipv4' | 'ipv6' | 'any';
  readonly allows: boolean;
}

/**
 * Accepts or refuses connections by their address. The first rule that matches decides.
 *
 * ```text
 *  listening socket | [filter] | acceptor
 *  wire | PROXY | [filter] | frame | app      behind a proxy: { waitForClient: true }
 * ```
 *
 * - **Place** In the pipeline of the listening channel, or in the pipelines of the connections. There it removes itself after the
 *   decision.
 * - **In** Accepted channels.
 * - **Out** The channels that the rules allow.
 * - **Events** Forwards all.
 * - **Errors** Passes a `REJECTED_FILTER` to `onRefused`. The close reason is `refused`. Throws `PIPELINE_STATE` for a connection
 *   without an IP address.
 * - **State** Sharable: the rules, and the number of refused connections.
 * - **Cost** One look-up per rule and connection.
 * - **Pitfalls** A range for IPv4 never matches IPv6 addresses, and vice versa. Write both ranges. IPv4 addresses in IPv6 form
 *   (`::ffff:192.0.2.7`) count as IPv4, in rules, too. The IPv6 networks of a `BlockList` of Node also match IPv4 addresses.
 *
 * @example
 * ```ts run
 * import { IpFilterHandler } from '@headrace/handlers';
 *
 * const filter = new IpFilterHandler({
 *   rules: [{ deny: '192.0.2.66' }, { allow: '192.0.2.0/24' }, { allow: '::1' }],
 *   otherwise: 'deny',
 * });
 * console.log(filter.allows('192.0.2.66'), filter.allows('192.0.2.1'), filter.allows('::2'));
 * // prints false true false
 * ```
 * @see Netty's `RuleBasedIpFilter` and `IpSubnetFilter`
 */
export class IpFilterHandler extends AdmissionHandler {
  private readonly rules: readonly Rule[];
  private readonly otherwise: boolean;
  private refusedSoFar = 0;

  constructor(options: IpFilterOptions) {
    const { rules, otherwise } = OPTIONS.resolve(options);
    super(options);
    this.rules = rules.map(compile);
    this.otherwise = otherwise === 'allow';
  }

  get refused(): number {
    return this.refusedSoFar;
  }

  allows(host: string): boolean {
    const bare = bareHost(host);
    const family = isIP(bare) === 6 ? 'ipv6' : 'ipv4';
    const rule = this.rules.find(
      (one) => (one.family === 'any' || one.family === family) && one.list.check(bare, family),
    );
    return rule?.allows ?? this.otherwise;
  }

  protected override admit(child: Channel): RejectedError | undefined {
    const address: Address | undefined = clientAddress(child);
    if (address === undefined || 'path' in address) {
      throw new PipelineError(
        'PIPELINE_STATE',
        `${child} has no IP address, so no rule can decide about it; filter IP servers only`,
      );
    }
    if (this.allows(address.host)) return undefined;
    this.refusedSoFar += 1;
    const text = `${address.host} is not allowed by the rules of IpFilterHandler`;
    return new RejectedError('REJECTED_FILTER', text, { host: address.host });
  }
}

function compile(rule: IpRule): Rule {
  const { allow, deny } = rule as { readonly allow?: IpRange; readonly deny?: IpRange };
  const allows = allow !== undefined;
  const range = (allow ?? deny) as IpRange;
  if (typeof range !== 'string') {
    const isList = range instanceof BlockList;
    checkKind('rules', range, isList, 'a text such as 192.0.2.0/24, or a BlockList');
    return { allows, list: range, family: 'any' };
  }
  const list = new BlockList();
  const family = addNetwork(list, range);
  if (family === undefined) {
    throw new OptionError(
      'OPTION_INVALID',
      `"${range}" is neither an IP address nor a network such as 192.0.2.0/24 or 2001:db8::/32`,
      { option: 'rules', value: range },
    );
  }
  return { allows, list, family };
}

/**
 * What a change of a service breaks: `@headrace/service-check`, for programs. The command line is `headrace-service-check`.
 *
 * @module
 */

export { compareServices, type ServiceChange } from './compare/compare-services.ts';

/**
 * A bus between the nodes themselves, without a server: `@headrace/bus/mesh`.
 *
 * @module
 */

export { hostPlaces } from './mesh/host-places.ts';
export { type MeshBusOptions, meshBus } from './mesh/mesh-bus.ts';
export type { MeshPlace } from './mesh/mesh-place.ts';
export type { MeshListenOptions, MeshOptions, MeshTls } from './mesh/mesh-plan.ts';
export {
  type MeshRegister,
  type MeshRegisterOptions,
  meshRegister,
} from './mesh/mesh-register.ts';

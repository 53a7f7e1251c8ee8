import type { INamespace } from 'protobufjs/light.js';

const INFO = { keyType: 'string', type: 'string' } as const;

/**
 * The messages that we send and read, with the fields that we use, as protobufjs's JSON: of CRI v1 (kubernetes/cri-api
 * v0.37: pkg/apis/runtime/v1/api.proto) and of containerd's own version service (containerd v2.4:
 * api/services/version/v1/version.proto). Field numbers never change; fields that are not here are skipped. Enumerations
 * are numbers. A file of data instead of api.proto, so that no parser of proto files is loaded.
 */
export const RUNTIME_MESSAGES: INamespace = {
  nested: {
    Empty: { fields: {} },
    ContainerdVersion: { fields: { version: { type: 'string', id: 1 } } },
    StatusRequest: { fields: { verbose: { type: 'bool', id: 1 } } },
    StatusResponse: {
      fields: {
        status: { type: 'RuntimeStatus', id: 1 },
        info: { ...INFO, id: 2 },
        runtimeHandlers: { rule: 'repeated', type: 'RuntimeHandler', id: 3 },
      },
    },
    RuntimeStatus: { fields: { conditions: { rule: 'repeated', type: 'RuntimeCondition', id: 1 } } },
    RuntimeCondition: {
      fields: {
        type: { type: 'string', id: 1 },
        status: { type: 'bool', id: 2 },
        reason: { type: 'string', id: 3 },
        message: { type: 'string', id: 4 },
      },
    },
    RuntimeHandler: { fields: { name: { type: 'string', id: 1 } } },
    RuntimeConfigResponse: { fields: { linux: { type: 'LinuxRuntimeConfiguration', id: 1 } } },
    LinuxRuntimeConfiguration: { fields: { cgroupDriver: { type: 'int32', id: 1 } } },
    PodSandboxMetadata: {
      fields: {
        name: { type: 'string', id: 1 },
        uid: { type: 'string', id: 2 },
        namespace: { type: 'string', id: 3 },
        attempt: { type: 'uint32', id: 4 },
      },
    },
    ListPodSandboxResponse: { fields: { items: { rule: 'repeated', type: 'PodSandbox', id: 1 } } },
    PodSandbox: {
      fields: {
        id: { type: 'string', id: 1 },
        metadata: { type: 'PodSandboxMetadata', id: 2 },
        state: { type: 'int32', id: 3 },
        runtimeHandler: { type: 'string', id: 7 },
      },
    },
    PodSandboxStatusRequest: { fields: { podSandboxId: { type: 'string', id: 1 }, verbose: { type: 'bool', id: 2 } } },
    PodSandboxStatusResponse: { fields: { info: { ...INFO, id: 2 } } },
    RunPodSandboxRequest: {
      fields: { config: { type: 'PodSandboxConfig', id: 1 }, runtimeHandler: { type: 'string', id: 2 } },
    },
    PodSandboxConfig: {
      fields: {
        metadata: { type: 'PodSandboxMetadata', id: 1 },
        hostname: { type: 'string', id: 2 },
        linux: { type: 'LinuxPodSandboxConfig', id: 8 },
      },
    },
    LinuxPodSandboxConfig: { fields: { cgroupParent: { type: 'string', id: 1 } } },
    RunPodSandboxResponse: { fields: { podSandboxId: { type: 'string', id: 1 } } },
    /** StopPodSandboxRequest and RemovePodSandboxRequest have the same form. */
    PodSandboxIdRequest: { fields: { podSandboxId: { type: 'string', id: 1 } } },
  },
};

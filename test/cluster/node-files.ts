import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { containerdOverride, containerdScript, podNetwork, REMOUNT_SCRIPT } from '../machine/container-host.ts';
import { CONTROL_PLANE_ADDRESS, type NodeLayout, NODES } from './layout.ts';

/** Where a node sees the folder of its certificates and kubeconfigs. */
export const NODE_KUBERNETES_FOLDER = '/etc/kubernetes';
/** The configuration of a node's kube-proxy, in that folder. */
export const NODE_PROXY_FILE = 'kube-proxy.json';
/** Where a node sees the programs of each Go module. */
export const NODE_PROGRAM_FOLDERS = {
  kubernetes: '/usr/local/lib/kubernetes',
  containerd: '/usr/local/lib/containerd',
  gvisor: '/usr/local/lib/gvisor-by-hand',
  criTools: '/usr/local/lib/cri-tools',
} as const;
export const PAUSE_IMAGE = 'localhost/busybox:local';

/** A file of a node, by its absolute path in it. */
interface NodeFile {
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
}

/** Writes into the root folder of a node what makes a Debian tree a Kubernetes node. */
export async function writeNodeFiles(root: string, node: NodeLayout): Promise<void> {
  for (const { path, text, mode = 0o644 } of nodeFiles(node)) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { mode });
  }
}

function nodeFiles(node: NodeLayout): readonly NodeFile[] {
  const files = [
    { path: '/etc/hostname', text: `${node.name}\n` },
    { path: '/etc/hosts', text: `127.0.0.1 localhost\n${node.address} ${node.name}\n` },
    { path: '/usr/local/sbin/prepare-node', text: prepareNode(node), mode: 0o755 },
    { path: '/etc/systemd/system/prepare-node.service', text: PREPARE_UNIT },
    { path: '/etc/systemd/system/kubelet.service', text: kubeletUnit(node) },
    { path: '/etc/systemd/system/kube-proxy.service', text: KUBE_PROXY_UNIT },
    { path: '/etc/cni/net.d/10-bridge.conflist', text: podNetwork(node.podSubnet) },
    { path: '/etc/systemd/system.conf.d/stop.conf', text: MANAGER_CONFIGURATION },
    { path: '/etc/crictl.yaml', text: 'runtime-endpoint: unix:///run/containerd/containerd.sock\n' },
    { path: '/etc/kubelet.json', text: kubeletConfiguration() },
  ];
  if (node.containerd === 'debian') return files;
  const override = containerdOverride(NODE_PROGRAM_FOLDERS.containerd);
  return [...files, { path: '/etc/systemd/system/containerd.service.d/module.conf', text: override }];
}

function prepareNode(node: NodeLayout): string {
  const programs = node.containerd === 'module' ? NODE_PROGRAM_FOLDERS.containerd : undefined;
  const others = NODES.filter(({ name }) => name !== node.name);
  return `#!/bin/sh
set -eu
${REMOUNT_SCRIPT}
# Groups of Pods outlive a reboot of this machine, unlike one of a real machine; each costs the kubelet seconds.
find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + || true
ip link set lo up
ip link set host0 up
ip address replace ${node.address}/24 dev host0
ip route replace default via ${CONTROL_PLANE_ADDRESS}
${others.map(({ podSubnet, address }) => `ip route replace ${podSubnet} via ${address}`).join('\n')}
echo 1 >/proc/sys/net/ipv4/ip_forward
if [ ! -e /etc/containerd/cluster-configured ]; then
  mkdir -p /etc/kubernetes-static-pods
${containerdScript({ sandboxImage: PAUSE_IMAGE, programs })}
  touch /etc/containerd/cluster-configured
fi
`;
}

const PREPARE_UNIT = `[Unit]
Description=Makes this machine ready for containers
DefaultDependencies=no
After=systemd-remount-fs.service
Before=containerd.service kubelet.service kube-proxy.service basic.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/prepare-node
[Install]
WantedBy=multi-user.target
`;

function kubeletUnit(node: NodeLayout): string {
  return `[Unit]
After=prepare-node.service containerd.service
Requires=prepare-node.service
[Service]
ExecStart=${NODE_PROGRAM_FOLDERS.kubernetes}/kubelet --config=/etc/kubelet.json --node-ip=${node.address} \\
  --hostname-override=${node.name} --kubeconfig=${NODE_KUBERNETES_FOLDER}/kubelet.kubeconfig
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`;
}

const KUBE_PROXY_UNIT = `[Unit]
After=prepare-node.service
Requires=prepare-node.service
[Service]
ExecStart=${NODE_PROGRAM_FOLDERS.kubernetes}/kube-proxy --config=${NODE_KUBERNETES_FOLDER}/${NODE_PROXY_FILE}
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`;

/** A reboot waits this long for what ignores SIGTERM, as the first process of each container does here. */
const MANAGER_CONFIGURATION = `[Manager]
DefaultTimeoutStopSec=5s
`;

function kubeletConfiguration(): string {
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${NODE_KUBERNETES_FOLDER}/ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `${NODE_KUBERNETES_FOLDER}/server.crt`,
    tlsPrivateKeyFile: `${NODE_KUBERNETES_FOLDER}/server.key`,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    // These machines still have cgroup version 1, which kubelets refuse by default.
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    resolvConf: '',
    staticPodPath: '/etc/kubernetes-static-pods',
    // The disk is the machine's own and is not measured here.
    evictionHard: {
      'memory.available': '50Mi',
      'nodefs.available': '0%',
      'imagefs.available': '0%',
      'nodefs.inodesFree': '0%',
    },
    imageGCHighThresholdPercent: 100,
    nodeStatusUpdateFrequency: '4s',
    syncFrequency: '10s',
  });
}

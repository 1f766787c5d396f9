#!/usr/bin/env bash
# A Slurm cluster of this one machine, from Debian's packages. As root:
#
#     tests/slurm/cluster.sh start FOLDER     install what is missing, write /etc/slurm, start the daemons
#     tests/slurm/cluster.sh stop FOLDER
#
# FOLDER holds their state and logs. The node counts a GPU that is not there, so that jobs may ask for one.
set -euo pipefail
action=$1
folder=$(mkdir -p "$2" && cd "$2" && pwd)
conf=/etc/slurm # where srun looks inside a job: the executor plugin hands no SLURM_* variable on

start() {
  if [[ -f $conf/slurm.conf ]]; then
    echo "$conf/slurm.conf exists: this machine has a Slurm, which stays as it is; run the tests on another" >&2
    exit 1
  fi
  if ! command -v slurmctld munged >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
  fi
  mkdir -p "$conf" "$folder"/{state,spool,log}
  local node memory
  node=$(hostname -s)
  memory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  cat >"$conf/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
ReturnToService=2
KillWait=5
GresTypes=gpu
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$((memory * 9 / 10)) Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  echo "Name=gpu File=/dev/null" >"$conf/gres.conf"
  if ! munge -n >/dev/null 2>&1; then
    install -d -o munge -g munge /run/munge
    runuser -u munge -- munged --force
  fi
  slurmctld
  slurmd
  for _ in $(seq 60); do
    [[ $(sinfo --noheader --format %t 2>/dev/null) == idle ]] && return
    sleep 0.5
  done
  echo "the node did not become idle; see $folder/log" >&2
  exit 1
}

stop() {
  local daemon
  for daemon in slurmd slurmctld; do
    [[ ! -f $folder/$daemon.pid ]] || kill "$(<"$folder/$daemon.pid")" || true
  done
  # With a configuration and no daemon every Slurm command, and the plugin's import, waits in vain.
  rm -f "$conf"/{slurm,gres}.conf
}

"$action"

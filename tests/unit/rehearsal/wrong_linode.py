"""Programs that Linode refuses."""

import base64

from tests.unit.rehearsal.clouds import GOOD, VLAN_REGION
from tests.unit.rehearsal.wrong import Wrong


def interfaces(*given):
    return {"linodeInterfaces": list(given)}


def rule(**changed):
    return {"inbounds": [{**GOOD["Firewall"]["inbounds"][0], **changed}]}


def access(**changed):
    return {"bucketAccesses": [{**GOOD["ObjectStorageKey"]["bucketAccesses"][0], **changed}]}


NOWHERE = {"region": "au-nowhere"}
PUBLIC = {"firewallId": 1, "public": {}}
VPC_INTERFACE = {"vpc": {"subnetId": 3, "ipv4": {"addresses": [{"address": "192.168.1.1"}]}}}
VLAN = {"vlan": {"vlanLabel": "private", "ipamAddress": "10.0.0.1/24"}}
LEGACY = {"interfaceGeneration": "legacy_config", "linodeInterfaces": None, "region": VLAN_REGION}
TOO_MUCH = base64.b64encode(bytes(16_385)).decode()
IN_GROUP = {**interfaces(PUBLIC), "placementGroup": {"id": 12}}
FULL_GROUP = tuple(("Instance", {**IN_GROUP, "label": f"member-{number}"}) for number in range(5))

MACHINES = (
    Wrong("Instance", NOWHERE, "not a valid region"),
    Wrong("Instance", {"type": "g6-huge-1"}, "not a valid type"),
    Wrong("Instance", {"image": "linode/debian99"}, "not a valid image"),
    Wrong("Instance", {"label": "w1"}, "3 to 50 characters"),
    Wrong("Instance", {"label": "web--1"}, "characters that a label may not have"),
    Wrong("Instance", {"authorizedKeys": None}, "one of rootPass, authorizedKeys, authorizedUsers"),
    Wrong("Instance", {"rootPass": "short"}, "rootPass: must have 11 to 128"),
    Wrong("Instance", {"diskEncryption": "yes"}, "expected one of"),
    Wrong("Instance", {"interfaceGeneration": "newest", "linodeInterfaces": None}, "expected one of"),
    Wrong("Instance", {"interfaceGeneration": "legacy_config"}, "interfaceGeneration must be linode"),
    Wrong("Instance", {"linodeInterfaces": None, "interfaces": [{"purpose": "public"}]}, "must be legacy_config"),
    Wrong("Instance", {"interfaces": [{"purpose": "public"}]}, "exclude each other"),
    Wrong("Instance", {"metadatas": [{"userData": TOO_MUCH}]}, "16384 bytes"),
    Wrong("Instance", {"metadatas": [{"userData": "no base64!"}]}, "must be base64"),
    Wrong("Instance", {"metadatas": [{}, {}]}, "metadatas: must have 1 to 1"),
    Wrong("Instance", interfaces({"firewallId": 1, "vlan": {"vlanLabel": "p"}}), "not allowed on a VLAN interface"),
    Wrong("Instance", interfaces({"public": {}, "vpc": {"subnetId": 3}}), "one of public, vlan and vpc"),
    Wrong("Instance", interfaces({"firewallId": 99, "public": {}}), "firewall 99 not found"),
    Wrong("Instance", interfaces({"vpc": {"subnetId": 99}}), "subnet 99 not found"),
    Wrong("Instance", interfaces(VPC_INTERFACE), "not in the subnet"),
    Wrong("Instance", interfaces(*[{"public": {}}] * 4), "at most 3"),
    Wrong("Instance", {"label": "web-2"}, "10.64.1.1 is taken by web-1", first=(("Instance", {}),)),
    Wrong("Instance", {"placementGroup": {"id": 9}}, "another region"),
    Wrong("Instance", {"placementGroup": {"id": 99}}, "placement group 99 not found"),
    Wrong("Instance", {**IN_GROUP, "label": "member-5"}, "12 has 5 Linodes", first=FULL_GROUP),
    Wrong("Instance", {"ipv4s": ["198.18.9.9"]}, "is not reserved"),
    Wrong("Instance", interfaces({"public": {"ipv4": {"addresses": [{"address": "198.18.9.9"}]}}}), "is not reserved"),
    Wrong("Instance", {**LEGACY, "interfaces": [{"purpose": "vlan"}]}, "needs a label"),
    Wrong(
        "Instance", {**LEGACY, "interfaces": [{"purpose": "vlan", "label": "p", "ipamAddress": "x"}]}, "ipam_address"
    ),
    Wrong("Instance", {**LEGACY, "interfaces": [{"purpose": "vpc"}]}, "needs a subnetId"),
    Wrong("Instance", {**LEGACY, "interfaces": [{"purpose": "lan"}]}, "expected purpose public, vlan or vpc"),
    Wrong("Instance", {**LEGACY, "firewallId": 99}, "firewallId 99 not found"),
    Wrong("Instance", {}, "a private address cannot be removed", was={"privateIp": True}),
    Wrong("Volume", NOWHERE | {"linodeId": None}, "not a valid region"),
    Wrong("Volume", {"label": "v" * 33}, "1 to 32 characters"),
    Wrong("Volume", {"size": 9}, "must be 10 to 16384"),
    Wrong("Volume", {"size": 16_385}, "must be 10 to 16384"),
    Wrong("Volume", {"size": 10}, "cannot be made smaller", was={}),
    Wrong("Volume", {"encryption": "yes"}, "expected one of"),
    Wrong("Volume", {"region": None, "linodeId": None}, "one of region, linodeId"),
    Wrong("Volume", {"linodeId": 99}, "not found"),
    Wrong("Volume", {"region": VLAN_REGION}, "another region"),
)

NETWORKS = (
    Wrong("Vpc", {"region": VLAN_REGION}, "has no vpc"),
    Wrong("Vpc", {"label": "two_words"}, "characters that a label may not have"),
    Wrong("VpcSubnet", {"ipv4": "10.64.9.0/24"}, "overlaps"),
    Wrong("VpcSubnet", {"ipv4": "8.8.8.0/24"}, "not a private range"),
    Wrong("VpcSubnet", {"ipv4": "10.65.0.1/16"}, "has host bits set"),
    Wrong("VpcSubnet", {"label": "two words"}, "characters that a label may not have"),
    Wrong("VpcSubnet", {"vpcId": 99}, "not found"),
    Wrong("Firewall", {"label": "f" * 33}, "3 to 32 characters"),
    Wrong("Firewall", {"inboundPolicy": "REJECT"}, "expected one of"),
    Wrong("Firewall", {"outboundPolicy": "REJECT"}, "expected one of"),
    Wrong("Firewall", rule(action=None), "a rule needs action"),
    Wrong("Firewall", rule(action="REJECT"), "expected action"),
    Wrong("Firewall", rule(ipv4s=[]), "ipv4s of web is empty"),
    Wrong("Firewall", rule(ipv6s=[]), "ipv6s of web is empty"),
    Wrong("Firewall", rule(protocol="tcp"), "expected protocol"),
    Wrong("Firewall", rule(protocol="ICMP"), "has no ports"),
    Wrong("Firewall", rule(ports="http"), "are no list"),
    Wrong("Firewall", rule(ipv4s=["10.0.0.1/8"]), "has host bits set"),
    Wrong("Firewall", rule(label="l" * 33), "must have 3 to 32"),
    Wrong("PlacementGroup", {"label": "two words"}, "characters that a label may not have"),
    Wrong("PlacementGroup", {"placementGroupType": "affinity"}, "expected one of"),
    Wrong("PlacementGroup", {"placementGroupPolicy": "lax"}, "expected one of"),
    Wrong("PlacementGroup", NOWHERE, "not a valid region"),
    Wrong("ReservedIp", NOWHERE, "not a valid region"),
    Wrong("NodeBalancer", NOWHERE, "not a valid region"),
    Wrong("NodeBalancer", {"label": "b1"}, "3 to 32 characters"),
    Wrong("NodeBalancer", {"firewallId": 99}, "not found"),
    Wrong("NodeBalancer", {"clientConnThrottle": 21}, "must be 0 to 20"),
    Wrong("NodeBalancer", {"vpcs": [{"subnetId": 99}]}, "subnet 99 not found"),
    Wrong("NodeBalancer", {"vpcs": [{"subnetId": 3, "ipv4Range": "10.65.0.0/30"}]}, "is not in the subnet"),
    Wrong("NodeBalancer", {"vpcs": [{"subnetId": 3, "ipv4Range": "10.64.9.1/30"}]}, "has host bits set"),
    Wrong("NodeBalancerConfig", {"nodebalancerId": 99}, "nodebalancerId 99 not found"),
    Wrong("NodeBalancerConfig", {"port": 0}, "must be 1 to 65535"),
    Wrong("NodeBalancerConfig", {"port": 443}, "configured already"),
    Wrong("NodeBalancerConfig", {"protocol": "quic", "proxyProtocol": "none"}, "expected one of"),
    Wrong("NodeBalancerConfig", {"protocol": "http"}, "for protocol tcp only"),
    Wrong("NodeBalancerConfig", {"proxyProtocol": "v3"}, "expected one of"),
    Wrong("NodeBalancerConfig", {"algorithm": "random"}, "expected one of"),
    Wrong("NodeBalancerConfig", {"stickiness": "cookie"}, "expected one of"),
    Wrong("NodeBalancerConfig", {"check": "ping"}, "expected one of"),
    Wrong("NodeBalancerConfig", {"checkInterval": 1}, "must be 2 to 3600"),
    Wrong("NodeBalancerConfig", {"checkTimeout": 31}, "must be 1 to 30"),
    Wrong("NodeBalancerConfig", {"checkAttempts": 0}, "must be 1 to 30"),
    Wrong("NodeBalancerNode", {"nodebalancerId": 99}, "NodeBalancer 99 not found"),
    Wrong("NodeBalancerNode", {"configId": 99}, "configId 99 not found"),
    Wrong("NodeBalancerNode", {"label": "w1"}, "3 to 32 characters"),
    Wrong("NodeBalancerNode", {"address": "10.64.1.1"}, "expected IP:port"),
    Wrong("NodeBalancerNode", {"subnetId": None}, "name its subnet_id"),
    Wrong("NodeBalancerNode", {"subnetId": None, "address": "8.8.8.8:443"}, "must be a private address"),
    Wrong("NodeBalancerNode", {"weight": 256}, "must be 1 to 255"),
    Wrong("NodeBalancerNode", {"mode": "off"}, "expected one of"),
)

ZONES_AND_BUCKETS = (
    Wrong("Domain", {"type": "primary"}, "expected one of"),
    Wrong("Domain", {"ttlSec": 301}, "expected one of"),
    Wrong("Domain", {"soaEmail": None}, "required for a master"),
    Wrong("DomainRecord", {"domainId": 99}, "domainId 99 not found"),
    Wrong("DomainRecord", {"recordType": "SPF"}, "expected one of"),
    Wrong("DomainRecord", {"recordType": "CAA"}, "needs issue, issuewild or iodef"),
    Wrong("DomainRecord", {"recordType": "MX", "target": "mail.example"}, "priority: required for MX"),
    Wrong("DomainRecord", {"recordType": "MX", "target": "mail.example", "priority": 256}, "must be 0 to 255"),
    Wrong("DomainRecord", {"target": "hello"}, "A needs an IPv4 address, got 'hello'"),
    Wrong("DomainRecord", {"target": "2001:db8::1"}, "A needs an IPv4 address"),
    Wrong("DomainRecord", {"recordType": "AAAA"}, "AAAA needs an IPv6 address"),
    Wrong("DomainRecord", {"recordType": "CNAME", "target": "two words"}, "CNAME needs a host's name"),
    Wrong("DomainRecord", {"name": "www"}, "a CNAME stands alone"),
    Wrong("DomainRecord", {}, "the same record already", first=(("DomainRecord", {}),)),
    Wrong("DomainRecord", {"ttlSec": 301}, "expected one of"),
    Wrong("ObjectStorageBucket", {"label": "Media"}, "no name of a bucket"),
    Wrong("ObjectStorageBucket", {"region": VLAN_REGION}, "has no object-storage"),
    Wrong("ObjectStorageBucket", {"acl": "open"}, "expected one of"),
    Wrong("ObjectStorageKey", {"label": "k"}, "must have 3 to 50"),
    Wrong("ObjectStorageKey", access(permissions="all"), "read_only or read_write"),
    Wrong("ObjectStorageKey", access(bucketName="elsewhere"), "bucket elsewhere not found"),
    Wrong("ObjectStorageKey", access(region=VLAN_REGION), "bucket first-bucket not found in ap-southeast"),
    Wrong("ObjectStorageObject", {"bucket": "elsewhere"}, "bucket elsewhere not found"),
    Wrong("ObjectStorageObject", {"contentBase64": None}, "one of content"),
)

DOUBTFUL = (
    Wrong("Firewall", rule(label="web/https"), "web/https"),
    Wrong("Firewall", {"inbounds": GOOD["Firewall"]["inbounds"] * 26}, "at most 25"),
    Wrong("NodeBalancer", {"vpcs": [{"subnetId": 3, "ipv4Range": "10.64.9.0/28"}]}, "no range of four addresses"),
)

LINODE_WRONG = (*MACHINES, *NETWORKS, *ZONES_AND_BUCKETS)

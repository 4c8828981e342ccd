// What makers of cameras call their streams: hints for an address that somebody types.

export const VENDORS = [
  ["Hikvision", "/Streaming/Channels/101"],
  ["Dahua, Amcrest", "/cam/realmonitor?channel=1&subtype=0"],
  ["Axis", "/axis-media/media.amp"],
  ["Reolink", "/h264Preview_01_main"],
  ["TP-Link, Tapo", "/stream1"],
  ["Uniview", "/media/video1"],
  ["Foscam", "/videoMain"],
  ["Hanwha, Samsung", "/profile2/media.smp"],
  ["Bosch", "/rtsp_tunnel"],
  ["Others", "/live"],
];

/** `rtsp://user:pw@host:554/old` with another path; what has no host yet gets a pattern of one. */
export function withPath(address, path) {
  const host = /^([a-z]+:\/\/[^/\s]+)/i.exec(address.trim());
  return `${host ? host[1] : "rtsp://user:password@192.168.1.20"}${path}`;
}

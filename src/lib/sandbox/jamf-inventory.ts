/** The computer inventory of the sandbox's Jamf Pro: sections, paging, filters and sort order as the API has them. */
import type { JamfSettings } from './jamf-clients.ts';
import { makeComputers, SECTIONS, type Computer, type SectionName } from './jamf-computers.ts';
import { JamfFault, pageOf, type Route, type RouteRequest } from './jamf-http.ts';
import { seededRandom } from './random.ts';
import type { World } from './service.ts';

export type { Computer } from './jamf-computers.ts';

/** How many computers there are: two pages of the default size. */
const COMPUTERS = 200;

/** Fields of the `filter` and `sort` parameters (computers-inventory, 11.7.1). */
const FIELDS = {
  filter: [
    ...['id', 'udid'],
    ...`name assetTag barcode1 barcode2 enrolledViaAutomatedDeviceEnrollment lastIpAddress itunesStoreAccountActive
      jamfBinaryVersion lastContactTime lastEnrolledDate lastCloudBackupDate reportDate lastReportedIp managementId
      remoteManagement.managed remoteManagement.managementUsername mdmCapable.capable mdmCertificateExpiration platform
      supervised userApprovedMdm declarativeDeviceManagementEnabled`
      .split(/\s+/)
      .map((field) => `general.${field}`),
    ...`bleCapable macAddress make model modelIdentifier serialNumber supportsIosAppInstalls appleSilicon`
      .split(' ')
      .map((field) => `hardware.${field}`),
    ...`activeDirectoryStatus fileVault2Status build supplementalBuildVersion rapidSecurityResponse name version`
      .split(' ')
      .map((field) => `operatingSystem.${field}`),
    ...['activationLockEnabled', 'recoveryLockEnabled', 'firewallEnabled'].map((field) => `security.${field}`),
    ...'buildingId departmentId email realname phone position room username'
      .split(' ')
      .map((field) => `userAndLocation.${field}`),
    ...'appleCareId lifeExpectancy purchased leased vendor warrantyDate'
      .split(' ')
      .map((field) => `purchasing.${field}`),
  ],
  sort: [
    ...['id', 'udid'],
    ...`name assetTag jamfBinaryVersion lastContactTime lastEnrolledDate lastCloudBackupDate reportDate
      remoteManagement.managementUsername mdmCertificateExpiration platform`
      .split(/\s+/)
      .map((field) => `general.${field}`),
    ...['hardware.make', 'hardware.model'],
    ...'build supplementalBuildVersion rapidSecurityResponse name version'
      .split(' ')
      .map((field) => `operatingSystem.${field}`),
    ...['userAndLocation.realname', 'purchasing.lifeExpectancy', 'purchasing.warrantyDate'],
  ],
  order: 'general.name:asc',
};

/** The inventory of one sandbox. */
export interface Inventory {
  readonly computers: () => readonly Computer[];
  routes(settings: JamfSettings): Route[];
}

/** The computers are made when first asked for, from a seed of their own: when that is changes no other value. */
export function createInventory(world: World): Inventory {
  const seed = world.random.integer(0x7fff_ffff);
  const now = world.clock.now();
  let made: readonly Computer[] | null = null;
  const computers = () => (made ??= makeComputers(COMPUTERS, seededRandom(seed), now));

  function find(id: string): Computer {
    const computer = computers().find((candidate) => candidate.id === id);
    if (!computer) throw new JamfFault(404, 'INVALID_ID', `no computer with the id ${id}`, 'id');
    return computer;
  }

  /** A version of Jamf Pro that does not have this version of the endpoint. */
  const served = (settings: JamfSettings, version: number, { path }: RouteRequest) => {
    if (!settings.inventoryVersions.includes(version)) throw new JamfFault(404, 'NOT_FOUND', `nothing at ${path}`);
  };

  return {
    computers,
    routes: (settings) =>
      [1, 2, 3].flatMap((version): Route[] => [
        {
          method: 'GET',
          path: `/v${String(version)}/computers-inventory`,
          privilege: 'Read Computers',
          summary: 'Return paginated Computer Inventory records',
          handle(request) {
            served(settings, version, request);
            const sections = sectionsOf(request.query);
            const { totalCount, results } = pageOf(computers(), request.query, FIELDS);
            return {
              status: 200,
              body: { totalCount, results: results.map((computer) => withSections(computer, sections)) },
            };
          },
        },
        {
          method: 'GET',
          path: `/v${String(version)}/computers-inventory/{id}`,
          privilege: 'Read Computers',
          summary: 'Return General section of a Computer',
          handle(request) {
            served(settings, version, request);
            return { status: 200, body: withSections(find(request.id), sectionsOf(request.query)) };
          },
        },
        {
          method: 'GET',
          path: `/v${String(version)}/computers-inventory-detail/{id}`,
          privilege: 'Read Computers',
          summary: 'Return all sections of a computer',
          handle(request) {
            served(settings, version, request);
            return { status: 200, body: find(request.id) };
          },
        },
      ]),
  };
}

const isSection = (name: string): name is SectionName => Object.hasOwn(SECTIONS, name);

function sectionsOf(query: URLSearchParams): SectionName[] {
  const asked = query
    .getAll('section')
    .flatMap((text) => text.split(','))
    .filter((name) => name !== '');
  const unknown = asked.find((name) => !isSection(name));
  if (unknown !== undefined) throw new JamfFault(400, 'INVALID_FIELD', `${unknown} is no section`, 'section');
  return asked.length === 0 ? ['GENERAL'] : asked.filter(isSection);
}

/** The sections that were not asked for are there, and null. */
function withSections(computer: Computer, sections: readonly SectionName[]): Record<string, unknown> {
  const members = Object.entries(SECTIONS).map(([name, member]): [string, unknown] => [
    member,
    sections.includes(name as SectionName) ? computer[member] : null,
  ]);
  return { id: computer.id, udid: computer.udid, ...Object.fromEntries(members) };
}

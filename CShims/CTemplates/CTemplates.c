// Written by `make assets` from Assets/Licenses and Assets/Templates: do not edit.
// Each array ends with a zero byte that its count leaves out, so an empty file has an address too.

#include "CTemplates.h"

static const unsigned char file_1[] = {
#embed "../../Assets/Licenses/Apache-2.0" suffix(, 0) if_empty(0)
};

static const unsigned char file_2[] = {
#embed "../../Assets/Licenses/BSD-3-Clause" suffix(, 0) if_empty(0)
};

static const unsigned char file_3[] = {
#embed "../../Assets/Licenses/MIT" suffix(, 0) if_empty(0)
};

static const unsigned char file_4[] = {
#embed "../../Assets/Templates/live/.gitignore" suffix(, 0) if_empty(0)
};

static const unsigned char file_5[] = {
#embed "../../Assets/Templates/live/Assets/static/css/app.css" suffix(, 0) if_empty(0)
};

static const unsigned char file_6[] = {
#embed "../../Assets/Templates/live/Assets/static/img/favicon.ico" suffix(, 0) if_empty(0)
};

static const unsigned char file_7[] = {
#embed "../../Assets/Templates/live/Assets/static/img/mizu.svg" suffix(, 0) if_empty(0)
};

static const unsigned char file_8[] = {
#embed "../../Assets/Templates/live/Assets/static/js/app.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_9[] = {
#embed "../../Assets/Templates/live/Assets/static/js/offline.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_10[] = {
#embed "../../Assets/Templates/live/Assets/static/offline.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_11[] = {
#embed "../../Assets/Templates/live/Assets/static/sw.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_12[] = {
#embed "../../Assets/Templates/live/Assets/systemd/mizu-counter.service" suffix(, 0) if_empty(0)
};

static const unsigned char file_13[] = {
#embed "../../Assets/Templates/live/Assets/views/layouts/default.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_14[] = {
#embed "../../Assets/Templates/live/Assets/views/pages/error.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_15[] = {
#embed "../../Assets/Templates/live/Assets/views/pages/home.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_16[] = {
#embed "../../Assets/Templates/live/CShims/CAssets/CAssets.c" suffix(, 0) if_empty(0)
};

static const unsigned char file_17[] = {
#embed "../../Assets/Templates/live/CShims/CAssets/include/CAssets.h" suffix(, 0) if_empty(0)
};

static const unsigned char file_18[] = {
#embed "../../Assets/Templates/live/CShims/assets.sh" suffix(, 0) if_empty(0)
};

static const unsigned char file_19[] = {
#embed "../../Assets/Templates/live/CShims/pack.sh" suffix(, 0) if_empty(0)
};

static const unsigned char file_20[] = {
#embed "../../Assets/Templates/live/CShims/packed/2c31a4ac86477f0ff42e1652f33d606395aef219.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_21[] = {
#embed "../../Assets/Templates/live/CShims/packed/2d10b8d2851606fe146a2c181edff0a998534ccd.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_22[] = {
#embed "../../Assets/Templates/live/CShims/packed/623936ce84bee7480e0c8f44057ddc63a91c88eb.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_23[] = {
#embed "../../Assets/Templates/live/CShims/packed/e5ea481e5ee7156c3af2ce5de482758495a2a76d.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_24[] = {
#embed "../../Assets/Templates/live/CShims/packed/packed.h" suffix(, 0) if_empty(0)
};

static const unsigned char file_25[] = {
#embed "../../Assets/Templates/live/Makefile" suffix(, 0) if_empty(0)
};

static const unsigned char file_26[] = {
#embed "../../Assets/Templates/live/Package.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_27[] = {
#embed "../../Assets/Templates/live/README.md" suffix(, 0) if_empty(0)
};

static const unsigned char file_28[] = {
#embed "../../Assets/Templates/live/Sources/App/App.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_29[] = {
#embed "../../Assets/Templates/live/Sources/App/CounterMutator.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_30[] = {
#embed "../../Assets/Templates/live/Sources/App/CounterPage.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_31[] = {
#embed "../../Assets/Templates/live/Sources/Server/EmbeddedAssets.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_32[] = {
#embed "../../Assets/Templates/live/Sources/Server/main.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_33[] = {
#embed "../../Assets/Templates/live/Tests/App/CounterMutatorTests.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_34[] = {
#embed "../../Assets/Templates/live/Tests/App/PageTests.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_35[] = {
#embed "../../Assets/Templates/live/template.json" suffix(, 0) if_empty(0)
};

static const unsigned char file_36[] = {
#embed "../../Assets/Templates/minimal/.gitignore" suffix(, 0) if_empty(0)
};

static const unsigned char file_37[] = {
#embed "../../Assets/Templates/minimal/Assets/systemd/mizu-hello.service" suffix(, 0) if_empty(0)
};

static const unsigned char file_38[] = {
#embed "../../Assets/Templates/minimal/Makefile" suffix(, 0) if_empty(0)
};

static const unsigned char file_39[] = {
#embed "../../Assets/Templates/minimal/Package.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_40[] = {
#embed "../../Assets/Templates/minimal/README.md" suffix(, 0) if_empty(0)
};

static const unsigned char file_41[] = {
#embed "../../Assets/Templates/minimal/Sources/App/Server.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_42[] = {
#embed "../../Assets/Templates/minimal/Tests/App/HelloTests.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_43[] = {
#embed "../../Assets/Templates/minimal/template.json" suffix(, 0) if_empty(0)
};

static const unsigned char file_44[] = {
#embed "../../Assets/Templates/sync/.gitignore" suffix(, 0) if_empty(0)
};

static const unsigned char file_45[] = {
#embed "../../Assets/Templates/sync/Assets/static/app.webmanifest" suffix(, 0) if_empty(0)
};

static const unsigned char file_46[] = {
#embed "../../Assets/Templates/sync/Assets/static/css/app.css" suffix(, 0) if_empty(0)
};

static const unsigned char file_47[] = {
#embed "../../Assets/Templates/sync/Assets/static/img/favicon.ico" suffix(, 0) if_empty(0)
};

static const unsigned char file_48[] = {
#embed "../../Assets/Templates/sync/Assets/static/img/icon-180.png" suffix(, 0) if_empty(0)
};

static const unsigned char file_49[] = {
#embed "../../Assets/Templates/sync/Assets/static/img/icon-192.png" suffix(, 0) if_empty(0)
};

static const unsigned char file_50[] = {
#embed "../../Assets/Templates/sync/Assets/static/img/icon-512.png" suffix(, 0) if_empty(0)
};

static const unsigned char file_51[] = {
#embed "../../Assets/Templates/sync/Assets/static/img/icon-maskable-512.png" suffix(, 0) if_empty(0)
};

static const unsigned char file_52[] = {
#embed "../../Assets/Templates/sync/Assets/static/img/mizu.svg" suffix(, 0) if_empty(0)
};

static const unsigned char file_53[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/announcer.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_54[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/app.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_55[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/keys.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_56[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/list-window.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_57[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/refusal-words.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_58[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/refusals-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_59[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/sync-status-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_60[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/title-field.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_61[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/toast.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_62[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/todo-appliers.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_63[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/todo-item.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_64[] = {
#embed "../../Assets/Templates/sync/Assets/static/js/todo-list-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_65[] = {
#embed "../../Assets/Templates/sync/Assets/static/sw.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_66[] = {
#embed "../../Assets/Templates/sync/Assets/systemd/mizu-todo.service" suffix(, 0) if_empty(0)
};

static const unsigned char file_67[] = {
#embed "../../Assets/Templates/sync/Assets/views/components/sync-status.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_68[] = {
#embed "../../Assets/Templates/sync/Assets/views/components/todo-item.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_69[] = {
#embed "../../Assets/Templates/sync/Assets/views/components/todo-list.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_70[] = {
#embed "../../Assets/Templates/sync/Assets/views/layouts/default.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_71[] = {
#embed "../../Assets/Templates/sync/Assets/views/pages/error.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_72[] = {
#embed "../../Assets/Templates/sync/Assets/views/pages/home.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_73[] = {
#embed "../../Assets/Templates/sync/Assets/views/partials/footer.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_74[] = {
#embed "../../Assets/Templates/sync/Assets/views/partials/header.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_75[] = {
#embed "../../Assets/Templates/sync/CShims/CAssets/CAssets.c" suffix(, 0) if_empty(0)
};

static const unsigned char file_76[] = {
#embed "../../Assets/Templates/sync/CShims/CAssets/app.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_77[] = {
#embed "../../Assets/Templates/sync/CShims/CAssets/include/CAssets.h" suffix(, 0) if_empty(0)
};

static const unsigned char file_78[] = {
#embed "../../Assets/Templates/sync/CShims/assets.sh" suffix(, 0) if_empty(0)
};

static const unsigned char file_79[] = {
#embed "../../Assets/Templates/sync/CShims/join.sh" suffix(, 0) if_empty(0)
};

static const unsigned char file_80[] = {
#embed "../../Assets/Templates/sync/CShims/pack.sh" suffix(, 0) if_empty(0)
};

static const unsigned char file_81[] = {
#embed "../../Assets/Templates/sync/CShims/packed/0b4464b60644e60d31275452d097f8806a10e040.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_82[] = {
#embed "../../Assets/Templates/sync/CShims/packed/0d138702c378f204a59697ecbb326dc0aeb86d56.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_83[] = {
#embed "../../Assets/Templates/sync/CShims/packed/1c5f22acb01c2efc4404bff5a9c445c24ab58177.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_84[] = {
#embed "../../Assets/Templates/sync/CShims/packed/205e3dc81e0d4b1b1b7553965bed0a86a40986ad.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_85[] = {
#embed "../../Assets/Templates/sync/CShims/packed/2306d39120fda7a8b0de00e3a6316419c3280201.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_86[] = {
#embed "../../Assets/Templates/sync/CShims/packed/69f63d5cc7feb2be6498634da3b03064b0616d21.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_87[] = {
#embed "../../Assets/Templates/sync/CShims/packed/8fdf6cdf7623869c8af724767e2df9ed884027fc.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_88[] = {
#embed "../../Assets/Templates/sync/CShims/packed/950352ba16c467aba15ccf84b7fd8740438af8c8.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_89[] = {
#embed "../../Assets/Templates/sync/CShims/packed/a0192ae05b4b21dd51e1c3722a1d77748749bc44.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_90[] = {
#embed "../../Assets/Templates/sync/CShims/packed/a33d9549034660b2cd8a677c689c0644bc0fa213.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_91[] = {
#embed "../../Assets/Templates/sync/CShims/packed/b67f46876fb0bfbbf2b9cc1efe36d9b1715f1416.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_92[] = {
#embed "../../Assets/Templates/sync/CShims/packed/c9c3d7482725b181c3f5d8b65e7aab61d7897e22.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_93[] = {
#embed "../../Assets/Templates/sync/CShims/packed/packed.h" suffix(, 0) if_empty(0)
};

static const unsigned char file_94[] = {
#embed "../../Assets/Templates/sync/Makefile" suffix(, 0) if_empty(0)
};

static const unsigned char file_95[] = {
#embed "../../Assets/Templates/sync/Package.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_96[] = {
#embed "../../Assets/Templates/sync/README.md" suffix(, 0) if_empty(0)
};

static const unsigned char file_97[] = {
#embed "../../Assets/Templates/sync/Sources/App/App.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_98[] = {
#embed "../../Assets/Templates/sync/Sources/App/Configuration.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_99[] = {
#embed "../../Assets/Templates/sync/Sources/App/Handlers/API.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_100[] = {
#embed "../../Assets/Templates/sync/Sources/App/Handlers/Forms.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_101[] = {
#embed "../../Assets/Templates/sync/Sources/App/Handlers/Home.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_102[] = {
#embed "../../Assets/Templates/sync/Sources/App/Handlers/LiveHandler.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_103[] = {
#embed "../../Assets/Templates/sync/Sources/App/Handlers/TodoPage.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_104[] = {
#embed "../../Assets/Templates/sync/Sources/App/Live.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_105[] = {
#embed "../../Assets/Templates/sync/Sources/App/Routes.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_106[] = {
#embed "../../Assets/Templates/sync/Sources/App/Services/TodoMutator.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_107[] = {
#embed "../../Assets/Templates/sync/Sources/App/Sync.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_108[] = {
#embed "../../Assets/Templates/sync/Sources/Server/EmbeddedAssets.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_109[] = {
#embed "../../Assets/Templates/sync/Sources/Server/main.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_110[] = {
#embed "../../Assets/Templates/sync/Tests/App/PageTests.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_111[] = {
#embed "../../Assets/Templates/sync/Tests/App/TodoMutatorTests.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_112[] = {
#embed "../../Assets/Templates/sync/template.json" suffix(, 0) if_empty(0)
};

static const unsigned char file_113[] = {
#embed "../../Assets/Templates/team/.gitignore" suffix(, 0) if_empty(0)
};

static const unsigned char file_114[] = {
#embed "../../Assets/Templates/team/Assets/static/css/app.css" suffix(, 0) if_empty(0)
};

static const unsigned char file_115[] = {
#embed "../../Assets/Templates/team/Assets/static/img/favicon.ico" suffix(, 0) if_empty(0)
};

static const unsigned char file_116[] = {
#embed "../../Assets/Templates/team/Assets/static/img/mizu.svg" suffix(, 0) if_empty(0)
};

static const unsigned char file_117[] = {
#embed "../../Assets/Templates/team/Assets/static/js/app.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_118[] = {
#embed "../../Assets/Templates/team/Assets/static/js/appliers.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_119[] = {
#embed "../../Assets/Templates/team/Assets/static/js/faces.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_120[] = {
#embed "../../Assets/Templates/team/Assets/static/js/list-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_121[] = {
#embed "../../Assets/Templates/team/Assets/static/js/lists-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_122[] = {
#embed "../../Assets/Templates/team/Assets/static/sw.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_123[] = {
#embed "../../Assets/Templates/team/Assets/views/layouts/default.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_124[] = {
#embed "../../Assets/Templates/team/Assets/views/pages/error.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_125[] = {
#embed "../../Assets/Templates/team/Assets/views/pages/home.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_126[] = {
#embed "../../Assets/Templates/team/Assets/views/pages/join.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_127[] = {
#embed "../../Assets/Templates/team/Assets/views/partials/header.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_128[] = {
#embed "../../Assets/Templates/team/Assets/views/partials/item.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_129[] = {
#embed "../../Assets/Templates/team/Assets/views/partials/member.html" suffix(, 0) if_empty(0)
};

static const unsigned char file_130[] = {
#embed "../../Assets/Templates/team/CShims/CAssets/CAssets.c" suffix(, 0) if_empty(0)
};

static const unsigned char file_131[] = {
#embed "../../Assets/Templates/team/CShims/CAssets/app.js" suffix(, 0) if_empty(0)
};

static const unsigned char file_132[] = {
#embed "../../Assets/Templates/team/CShims/CAssets/include/CAssets.h" suffix(, 0) if_empty(0)
};

static const unsigned char file_133[] = {
#embed "../../Assets/Templates/team/CShims/assets.sh" suffix(, 0) if_empty(0)
};

static const unsigned char file_134[] = {
#embed "../../Assets/Templates/team/CShims/join.sh" suffix(, 0) if_empty(0)
};

static const unsigned char file_135[] = {
#embed "../../Assets/Templates/team/CShims/pack.sh" suffix(, 0) if_empty(0)
};

static const unsigned char file_136[] = {
#embed "../../Assets/Templates/team/CShims/packed/015e3ef0520429ea145b29afe66a0f5a22f66923.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_137[] = {
#embed "../../Assets/Templates/team/CShims/packed/2fd63dfc767a824bde72c41eaa9ac3b48d83c3f0.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_138[] = {
#embed "../../Assets/Templates/team/CShims/packed/353acc667ffe20252a861b06a720e6aa3626891f.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_139[] = {
#embed "../../Assets/Templates/team/CShims/packed/8547549e1785645886eae92bc452ba14ac1b6cd8.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_140[] = {
#embed "../../Assets/Templates/team/CShims/packed/93a6c5a95b89e69271533aff05d76cedead90e0b.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_141[] = {
#embed "../../Assets/Templates/team/CShims/packed/991ec50c142374d19da91b27020c3661b09b1d18.br" suffix(, 0) if_empty(0)
};

static const unsigned char file_142[] = {
#embed "../../Assets/Templates/team/CShims/packed/packed.h" suffix(, 0) if_empty(0)
};

static const unsigned char file_143[] = {
#embed "../../Assets/Templates/team/Makefile" suffix(, 0) if_empty(0)
};

static const unsigned char file_144[] = {
#embed "../../Assets/Templates/team/Package.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_145[] = {
#embed "../../Assets/Templates/team/README.md" suffix(, 0) if_empty(0)
};

static const unsigned char file_146[] = {
#embed "../../Assets/Templates/team/Sources/App/App.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_147[] = {
#embed "../../Assets/Templates/team/Sources/App/Forms.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_148[] = {
#embed "../../Assets/Templates/team/Sources/App/ListMutator.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_149[] = {
#embed "../../Assets/Templates/team/Sources/App/Pages.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_150[] = {
#embed "../../Assets/Templates/team/Sources/Server/EmbeddedAssets.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_151[] = {
#embed "../../Assets/Templates/team/Sources/Server/main.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_152[] = {
#embed "../../Assets/Templates/team/Tests/App/ListMutatorTests.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_153[] = {
#embed "../../Assets/Templates/team/Tests/App/PeopleTests.swift" suffix(, 0) if_empty(0)
};

static const unsigned char file_154[] = {
#embed "../../Assets/Templates/team/template.json" suffix(, 0) if_empty(0)
};

const mizu_template mizu_templates[] = {
    {"Licenses/Apache-2.0", file_1, sizeof(file_1) - 1},
    {"Licenses/BSD-3-Clause", file_2, sizeof(file_2) - 1},
    {"Licenses/MIT", file_3, sizeof(file_3) - 1},
    {"Templates/live/.gitignore", file_4, sizeof(file_4) - 1},
    {"Templates/live/Assets/static/css/app.css", file_5, sizeof(file_5) - 1},
    {"Templates/live/Assets/static/img/favicon.ico", file_6, sizeof(file_6) - 1},
    {"Templates/live/Assets/static/img/mizu.svg", file_7, sizeof(file_7) - 1},
    {"Templates/live/Assets/static/js/app.js", file_8, sizeof(file_8) - 1},
    {"Templates/live/Assets/static/js/offline.js", file_9, sizeof(file_9) - 1},
    {"Templates/live/Assets/static/offline.html", file_10, sizeof(file_10) - 1},
    {"Templates/live/Assets/static/sw.js", file_11, sizeof(file_11) - 1},
    {"Templates/live/Assets/systemd/mizu-counter.service", file_12, sizeof(file_12) - 1},
    {"Templates/live/Assets/views/layouts/default.html", file_13, sizeof(file_13) - 1},
    {"Templates/live/Assets/views/pages/error.html", file_14, sizeof(file_14) - 1},
    {"Templates/live/Assets/views/pages/home.html", file_15, sizeof(file_15) - 1},
    {"Templates/live/CShims/CAssets/CAssets.c", file_16, sizeof(file_16) - 1},
    {"Templates/live/CShims/CAssets/include/CAssets.h", file_17, sizeof(file_17) - 1},
    {"Templates/live/CShims/assets.sh", file_18, sizeof(file_18) - 1},
    {"Templates/live/CShims/pack.sh", file_19, sizeof(file_19) - 1},
    {"Templates/live/CShims/packed/2c31a4ac86477f0ff42e1652f33d606395aef219.br", file_20, sizeof(file_20) - 1},
    {"Templates/live/CShims/packed/2d10b8d2851606fe146a2c181edff0a998534ccd.br", file_21, sizeof(file_21) - 1},
    {"Templates/live/CShims/packed/623936ce84bee7480e0c8f44057ddc63a91c88eb.br", file_22, sizeof(file_22) - 1},
    {"Templates/live/CShims/packed/e5ea481e5ee7156c3af2ce5de482758495a2a76d.br", file_23, sizeof(file_23) - 1},
    {"Templates/live/CShims/packed/packed.h", file_24, sizeof(file_24) - 1},
    {"Templates/live/Makefile", file_25, sizeof(file_25) - 1},
    {"Templates/live/Package.swift", file_26, sizeof(file_26) - 1},
    {"Templates/live/README.md", file_27, sizeof(file_27) - 1},
    {"Templates/live/Sources/App/App.swift", file_28, sizeof(file_28) - 1},
    {"Templates/live/Sources/App/CounterMutator.swift", file_29, sizeof(file_29) - 1},
    {"Templates/live/Sources/App/CounterPage.swift", file_30, sizeof(file_30) - 1},
    {"Templates/live/Sources/Server/EmbeddedAssets.swift", file_31, sizeof(file_31) - 1},
    {"Templates/live/Sources/Server/main.swift", file_32, sizeof(file_32) - 1},
    {"Templates/live/Tests/App/CounterMutatorTests.swift", file_33, sizeof(file_33) - 1},
    {"Templates/live/Tests/App/PageTests.swift", file_34, sizeof(file_34) - 1},
    {"Templates/live/template.json", file_35, sizeof(file_35) - 1},
    {"Templates/minimal/.gitignore", file_36, sizeof(file_36) - 1},
    {"Templates/minimal/Assets/systemd/mizu-hello.service", file_37, sizeof(file_37) - 1},
    {"Templates/minimal/Makefile", file_38, sizeof(file_38) - 1},
    {"Templates/minimal/Package.swift", file_39, sizeof(file_39) - 1},
    {"Templates/minimal/README.md", file_40, sizeof(file_40) - 1},
    {"Templates/minimal/Sources/App/Server.swift", file_41, sizeof(file_41) - 1},
    {"Templates/minimal/Tests/App/HelloTests.swift", file_42, sizeof(file_42) - 1},
    {"Templates/minimal/template.json", file_43, sizeof(file_43) - 1},
    {"Templates/sync/.gitignore", file_44, sizeof(file_44) - 1},
    {"Templates/sync/Assets/static/app.webmanifest", file_45, sizeof(file_45) - 1},
    {"Templates/sync/Assets/static/css/app.css", file_46, sizeof(file_46) - 1},
    {"Templates/sync/Assets/static/img/favicon.ico", file_47, sizeof(file_47) - 1},
    {"Templates/sync/Assets/static/img/icon-180.png", file_48, sizeof(file_48) - 1},
    {"Templates/sync/Assets/static/img/icon-192.png", file_49, sizeof(file_49) - 1},
    {"Templates/sync/Assets/static/img/icon-512.png", file_50, sizeof(file_50) - 1},
    {"Templates/sync/Assets/static/img/icon-maskable-512.png", file_51, sizeof(file_51) - 1},
    {"Templates/sync/Assets/static/img/mizu.svg", file_52, sizeof(file_52) - 1},
    {"Templates/sync/Assets/static/js/announcer.js", file_53, sizeof(file_53) - 1},
    {"Templates/sync/Assets/static/js/app.js", file_54, sizeof(file_54) - 1},
    {"Templates/sync/Assets/static/js/keys.js", file_55, sizeof(file_55) - 1},
    {"Templates/sync/Assets/static/js/list-window.js", file_56, sizeof(file_56) - 1},
    {"Templates/sync/Assets/static/js/refusal-words.js", file_57, sizeof(file_57) - 1},
    {"Templates/sync/Assets/static/js/refusals-view.js", file_58, sizeof(file_58) - 1},
    {"Templates/sync/Assets/static/js/sync-status-view.js", file_59, sizeof(file_59) - 1},
    {"Templates/sync/Assets/static/js/title-field.js", file_60, sizeof(file_60) - 1},
    {"Templates/sync/Assets/static/js/toast.js", file_61, sizeof(file_61) - 1},
    {"Templates/sync/Assets/static/js/todo-appliers.js", file_62, sizeof(file_62) - 1},
    {"Templates/sync/Assets/static/js/todo-item.js", file_63, sizeof(file_63) - 1},
    {"Templates/sync/Assets/static/js/todo-list-view.js", file_64, sizeof(file_64) - 1},
    {"Templates/sync/Assets/static/sw.js", file_65, sizeof(file_65) - 1},
    {"Templates/sync/Assets/systemd/mizu-todo.service", file_66, sizeof(file_66) - 1},
    {"Templates/sync/Assets/views/components/sync-status.html", file_67, sizeof(file_67) - 1},
    {"Templates/sync/Assets/views/components/todo-item.html", file_68, sizeof(file_68) - 1},
    {"Templates/sync/Assets/views/components/todo-list.html", file_69, sizeof(file_69) - 1},
    {"Templates/sync/Assets/views/layouts/default.html", file_70, sizeof(file_70) - 1},
    {"Templates/sync/Assets/views/pages/error.html", file_71, sizeof(file_71) - 1},
    {"Templates/sync/Assets/views/pages/home.html", file_72, sizeof(file_72) - 1},
    {"Templates/sync/Assets/views/partials/footer.html", file_73, sizeof(file_73) - 1},
    {"Templates/sync/Assets/views/partials/header.html", file_74, sizeof(file_74) - 1},
    {"Templates/sync/CShims/CAssets/CAssets.c", file_75, sizeof(file_75) - 1},
    {"Templates/sync/CShims/CAssets/app.js", file_76, sizeof(file_76) - 1},
    {"Templates/sync/CShims/CAssets/include/CAssets.h", file_77, sizeof(file_77) - 1},
    {"Templates/sync/CShims/assets.sh", file_78, sizeof(file_78) - 1},
    {"Templates/sync/CShims/join.sh", file_79, sizeof(file_79) - 1},
    {"Templates/sync/CShims/pack.sh", file_80, sizeof(file_80) - 1},
    {"Templates/sync/CShims/packed/0b4464b60644e60d31275452d097f8806a10e040.br", file_81, sizeof(file_81) - 1},
    {"Templates/sync/CShims/packed/0d138702c378f204a59697ecbb326dc0aeb86d56.br", file_82, sizeof(file_82) - 1},
    {"Templates/sync/CShims/packed/1c5f22acb01c2efc4404bff5a9c445c24ab58177.br", file_83, sizeof(file_83) - 1},
    {"Templates/sync/CShims/packed/205e3dc81e0d4b1b1b7553965bed0a86a40986ad.br", file_84, sizeof(file_84) - 1},
    {"Templates/sync/CShims/packed/2306d39120fda7a8b0de00e3a6316419c3280201.br", file_85, sizeof(file_85) - 1},
    {"Templates/sync/CShims/packed/69f63d5cc7feb2be6498634da3b03064b0616d21.br", file_86, sizeof(file_86) - 1},
    {"Templates/sync/CShims/packed/8fdf6cdf7623869c8af724767e2df9ed884027fc.br", file_87, sizeof(file_87) - 1},
    {"Templates/sync/CShims/packed/950352ba16c467aba15ccf84b7fd8740438af8c8.br", file_88, sizeof(file_88) - 1},
    {"Templates/sync/CShims/packed/a0192ae05b4b21dd51e1c3722a1d77748749bc44.br", file_89, sizeof(file_89) - 1},
    {"Templates/sync/CShims/packed/a33d9549034660b2cd8a677c689c0644bc0fa213.br", file_90, sizeof(file_90) - 1},
    {"Templates/sync/CShims/packed/b67f46876fb0bfbbf2b9cc1efe36d9b1715f1416.br", file_91, sizeof(file_91) - 1},
    {"Templates/sync/CShims/packed/c9c3d7482725b181c3f5d8b65e7aab61d7897e22.br", file_92, sizeof(file_92) - 1},
    {"Templates/sync/CShims/packed/packed.h", file_93, sizeof(file_93) - 1},
    {"Templates/sync/Makefile", file_94, sizeof(file_94) - 1},
    {"Templates/sync/Package.swift", file_95, sizeof(file_95) - 1},
    {"Templates/sync/README.md", file_96, sizeof(file_96) - 1},
    {"Templates/sync/Sources/App/App.swift", file_97, sizeof(file_97) - 1},
    {"Templates/sync/Sources/App/Configuration.swift", file_98, sizeof(file_98) - 1},
    {"Templates/sync/Sources/App/Handlers/API.swift", file_99, sizeof(file_99) - 1},
    {"Templates/sync/Sources/App/Handlers/Forms.swift", file_100, sizeof(file_100) - 1},
    {"Templates/sync/Sources/App/Handlers/Home.swift", file_101, sizeof(file_101) - 1},
    {"Templates/sync/Sources/App/Handlers/LiveHandler.swift", file_102, sizeof(file_102) - 1},
    {"Templates/sync/Sources/App/Handlers/TodoPage.swift", file_103, sizeof(file_103) - 1},
    {"Templates/sync/Sources/App/Live.swift", file_104, sizeof(file_104) - 1},
    {"Templates/sync/Sources/App/Routes.swift", file_105, sizeof(file_105) - 1},
    {"Templates/sync/Sources/App/Services/TodoMutator.swift", file_106, sizeof(file_106) - 1},
    {"Templates/sync/Sources/App/Sync.swift", file_107, sizeof(file_107) - 1},
    {"Templates/sync/Sources/Server/EmbeddedAssets.swift", file_108, sizeof(file_108) - 1},
    {"Templates/sync/Sources/Server/main.swift", file_109, sizeof(file_109) - 1},
    {"Templates/sync/Tests/App/PageTests.swift", file_110, sizeof(file_110) - 1},
    {"Templates/sync/Tests/App/TodoMutatorTests.swift", file_111, sizeof(file_111) - 1},
    {"Templates/sync/template.json", file_112, sizeof(file_112) - 1},
    {"Templates/team/.gitignore", file_113, sizeof(file_113) - 1},
    {"Templates/team/Assets/static/css/app.css", file_114, sizeof(file_114) - 1},
    {"Templates/team/Assets/static/img/favicon.ico", file_115, sizeof(file_115) - 1},
    {"Templates/team/Assets/static/img/mizu.svg", file_116, sizeof(file_116) - 1},
    {"Templates/team/Assets/static/js/app.js", file_117, sizeof(file_117) - 1},
    {"Templates/team/Assets/static/js/appliers.js", file_118, sizeof(file_118) - 1},
    {"Templates/team/Assets/static/js/faces.js", file_119, sizeof(file_119) - 1},
    {"Templates/team/Assets/static/js/list-view.js", file_120, sizeof(file_120) - 1},
    {"Templates/team/Assets/static/js/lists-view.js", file_121, sizeof(file_121) - 1},
    {"Templates/team/Assets/static/sw.js", file_122, sizeof(file_122) - 1},
    {"Templates/team/Assets/views/layouts/default.html", file_123, sizeof(file_123) - 1},
    {"Templates/team/Assets/views/pages/error.html", file_124, sizeof(file_124) - 1},
    {"Templates/team/Assets/views/pages/home.html", file_125, sizeof(file_125) - 1},
    {"Templates/team/Assets/views/pages/join.html", file_126, sizeof(file_126) - 1},
    {"Templates/team/Assets/views/partials/header.html", file_127, sizeof(file_127) - 1},
    {"Templates/team/Assets/views/partials/item.html", file_128, sizeof(file_128) - 1},
    {"Templates/team/Assets/views/partials/member.html", file_129, sizeof(file_129) - 1},
    {"Templates/team/CShims/CAssets/CAssets.c", file_130, sizeof(file_130) - 1},
    {"Templates/team/CShims/CAssets/app.js", file_131, sizeof(file_131) - 1},
    {"Templates/team/CShims/CAssets/include/CAssets.h", file_132, sizeof(file_132) - 1},
    {"Templates/team/CShims/assets.sh", file_133, sizeof(file_133) - 1},
    {"Templates/team/CShims/join.sh", file_134, sizeof(file_134) - 1},
    {"Templates/team/CShims/pack.sh", file_135, sizeof(file_135) - 1},
    {"Templates/team/CShims/packed/015e3ef0520429ea145b29afe66a0f5a22f66923.br", file_136, sizeof(file_136) - 1},
    {"Templates/team/CShims/packed/2fd63dfc767a824bde72c41eaa9ac3b48d83c3f0.br", file_137, sizeof(file_137) - 1},
    {"Templates/team/CShims/packed/353acc667ffe20252a861b06a720e6aa3626891f.br", file_138, sizeof(file_138) - 1},
    {"Templates/team/CShims/packed/8547549e1785645886eae92bc452ba14ac1b6cd8.br", file_139, sizeof(file_139) - 1},
    {"Templates/team/CShims/packed/93a6c5a95b89e69271533aff05d76cedead90e0b.br", file_140, sizeof(file_140) - 1},
    {"Templates/team/CShims/packed/991ec50c142374d19da91b27020c3661b09b1d18.br", file_141, sizeof(file_141) - 1},
    {"Templates/team/CShims/packed/packed.h", file_142, sizeof(file_142) - 1},
    {"Templates/team/Makefile", file_143, sizeof(file_143) - 1},
    {"Templates/team/Package.swift", file_144, sizeof(file_144) - 1},
    {"Templates/team/README.md", file_145, sizeof(file_145) - 1},
    {"Templates/team/Sources/App/App.swift", file_146, sizeof(file_146) - 1},
    {"Templates/team/Sources/App/Forms.swift", file_147, sizeof(file_147) - 1},
    {"Templates/team/Sources/App/ListMutator.swift", file_148, sizeof(file_148) - 1},
    {"Templates/team/Sources/App/Pages.swift", file_149, sizeof(file_149) - 1},
    {"Templates/team/Sources/Server/EmbeddedAssets.swift", file_150, sizeof(file_150) - 1},
    {"Templates/team/Sources/Server/main.swift", file_151, sizeof(file_151) - 1},
    {"Templates/team/Tests/App/ListMutatorTests.swift", file_152, sizeof(file_152) - 1},
    {"Templates/team/Tests/App/PeopleTests.swift", file_153, sizeof(file_153) - 1},
    {"Templates/team/template.json", file_154, sizeof(file_154) - 1},
    {0, 0, 0},
};

const size_t mizu_templates_count = sizeof(mizu_templates) / sizeof(mizu_templates[0]) - 1;
